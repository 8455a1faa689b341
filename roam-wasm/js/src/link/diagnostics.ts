import { labels } from "./method.js";

/** A snapshot of everything in flight on a link. */
export interface LinkDiagnostics {
  /** Unanswered calls, ours first, and calls of the server whose handlers still run. */
  readonly calls: readonly CallInFlight[];
  readonly channels: readonly ChannelInFlight[];
  /** Bytes and frames that wait for the socket, and the part of the bytes that are replies to the server. */
  readonly queuedBytes: number;
  readonly queuedFrames: number;
  readonly queuedReplies: number;
  /** Channels whose senders wait for space in the queue to the socket. */
  readonly blockedChannels: number;
  /** What remains of the limits: bytes to receive on channels, channels to send on, bytes of the server's calls. */
  readonly receiveBudget: number;
  readonly sendingChannels: number;
  readonly callPayloads: number;
}

/** A call in flight. */
export interface CallInFlight {
  /** `out`: our call; `in`: a call by the server. */
  readonly direction: "out" | "in";
  readonly id: number;
  /** Such as `Demo.divide`; the id in hexadecimal if the method's service was not used here. */
  readonly method: string;
  /** The age in milliseconds; `undefined` for a call that began before the first snapshot. */
  readonly ageMs: number | undefined;
  /** `answered`: the answer waits for the socket; `stopping`: the call was cancelled, but its handler still runs. */
  readonly state: "waiting" | "answered" | "stopping";
}

/** A channel in flight. */
export interface ChannelInFlight {
  /** `unbound`: a received half that was not taken yet. */
  readonly direction: "send" | "receive" | "unbound";
  readonly id: number;
  /** The method whose arguments or result carried the channel, if known. */
  readonly method: string | undefined;
  readonly ageMs: number | undefined;
  /** Bytes that its sender, we or the server, may send now. */
  readonly credit: number;
  /** Bytes that wait here for credit, or that arrived and were not consumed yet. */
  readonly queued: number;
  /** `awaited`: someone waits to send or to receive. The last four: how it ended, while a half is still held. */
  readonly state: "open" | "awaited" | "closed" | "reset" | "call-ended" | "link-ended";
}

// The format of the rows: see `diagnostics.rs`.
const ROW = 7;
const UNKNOWN = 2n ** 64n - 1n;
const CALLS = ["out", "in"] as const;
const CALL_STATES = ["waiting", "answered", "stopping"] as const;
const CHANNELS = ["send", "receive", "unbound"] as const;
const CHANNEL_STATES = ["open", "awaited", "closed", "reset", "call-ended", "link-ended"] as const;

/** Decodes the rows from wasm. */
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

/** Orders by id. Sorting is stable, so our calls stay before the server's with the same id. */
function byId(a: { readonly id: number }, b: { readonly id: number }): number {
  return a.id - b.id;
}

function methodName(id: bigint): string | undefined {
  return id === UNKNOWN ? undefined : (labels.get(id) ?? `0x${id.toString(16).padStart(16, "0")}`);
}
