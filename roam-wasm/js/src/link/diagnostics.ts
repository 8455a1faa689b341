import { labels } from "./method.js";

/** What is in flight on a link. */
export interface LinkDiagnostics {
  /** The calls without an answer, ours first; and those of the server whose handler still runs. */
  readonly calls: readonly CallInFlight[];
  readonly channels: readonly ChannelInFlight[];
  /** What waits for the socket: bytes and frames; of the bytes, replies that the server made us queue. */
  readonly queuedBytes: number;
  readonly queuedFrames: number;
  readonly queuedReplies: number;
  /** Channels whose senders wait until less waits for the socket. */
  readonly blockedChannels: number;
  /** What is left of the bounds: bytes for channels to receive, channels to send, bytes of calls of the server. */
  readonly receiveBudget: number;
  readonly sendingChannels: number;
  readonly callPayloads: number;
}

/** A call in flight. */
export interface CallInFlight {
  /** `out`: we call; `in`: the server does. */
  readonly direction: "out" | "in";
  readonly id: number;
  /** As `Demo.divide`; the id in hexadecimal for a method of a service that was not used here. */
  readonly method: string;
  /** Milliseconds; `undefined` for what began before the link was first asked. */
  readonly ageMs: number | undefined;
  /** `answered`: the answer waits for the socket; `stopping`: no answer is awaited, but the handler runs on. */
  readonly state: "waiting" | "answered" | "stopping";
}

/** A channel in flight. */
export interface ChannelInFlight {
  /** `unbound`: an end that came and that nobody has taken. */
  readonly direction: "send" | "receive" | "unbound";
  readonly id: number;
  /** The method in whose arguments or result it travelled, as far as that is known. */
  readonly method: string | undefined;
  readonly ageMs: number | undefined;
  /** Bytes that may be sent on it now: by us, or by the server. */
  readonly credit: number;
  /** Bytes that wait here for credit, or have come and were not consumed. */
  readonly queued: number;
  /** `awaited`: someone waits to send or to receive; the others: how it ended, while an end is still held. */
  readonly state: "open" | "awaited" | "closed" | "reset" | "call-over" | "link-over";
}

// The rows that wasm makes: see `diagnostics.rs`.
const ROW = 7;
const UNKNOWN = 2n ** 64n - 1n;
const CALLS = ["out", "in"] as const;
const CALL_STATES = ["waiting", "answered", "stopping"] as const;
const CHANNELS = ["send", "receive", "unbound"] as const;
const CHANNEL_STATES = ["open", "awaited", "closed", "reset", "call-over", "link-over"] as const;

/** Reads what wasm tells. */
export function readDiagnostics(rows: BigUint64Array): LinkDiagnostics {
  const number = (at: number): number => Number(rows[at]);
  const calls: CallInFlight[] = [];
  const channels: ChannelInFlight[] = [];
  for (let at = ROW; at < rows.length; at += ROW) {
    const kind = number(at);
    const id = number(at + 1);
    const method = methodName(rows[at + 2]!);
    const ageMs = rows[at + 3] === UNKNOWN ? undefined : number(at + 3) / 1000;
    const state = number(at + 6);
    const direction = CALLS[kind];
    if (direction !== undefined) calls.push({ direction, id, method: method!, ageMs, state: CALL_STATES[state]! });
    else
      channels.push({
        direction: CHANNELS[kind - CALLS.length]!,
        id,
        method,
        ageMs,
        credit: number(at + 4),
        queued: number(at + 5),
        state: CHANNEL_STATES[state]!,
      });
  }
  return {
    calls: calls.sort(byId),
    channels: channels.sort(byId),
    queuedBytes: number(0),
    queuedFrames: number(1),
    queuedReplies: number(2),
    blockedChannels: number(3),
    receiveBudget: number(4),
    sendingChannels: number(5),
    callPayloads: number(6),
  };
}

/** Ours come first: the rows do, and sorting keeps their order where the ids are the same. */
function byId(a: { readonly id: number }, b: { readonly id: number }): number {
  return a.id - b.id;
}

function methodName(id: bigint): string | undefined {
  return id === UNKNOWN ? undefined : (labels.get(id) ?? `0x${id.toString(16).padStart(16, "0")}`);
}
