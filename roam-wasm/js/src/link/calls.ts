import { CallChannels } from "../channel/call-channels.js";
import { encodeValue, type OutgoingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import { fromFailure, linkClosed, payloadTooLarge, RoamError } from "../errors.js";
import type { CallOptions } from "../types.js";
import {
  type Agreed,
  type Bytes,
  type Channels,
  type CloseInfo,
  type OutcomeKind,
  ROOT,
  type WasmLink,
} from "../wasm.js";
import { decodeAnswer } from "./answer.js";
import { DEADLINE, encodeMetadata, type Entry, entries, LONGEST_TIMER_MS } from "./metadata.js";
import { encodeArgs, type Method } from "./method.js";

const NO_OPTIONS: CallOptions = {};

/** An unanswered call. */
interface Pending {
  readonly method: Method;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  channels: CallChannels | undefined;
  readonly timeoutMs: number | undefined;
  /** When the call began, on the clock of `performance.now()`, if it has a timeout. */
  readonly began: number | undefined;
  /** Stops watching the signal and the timeout. */
  unwatch: (() => void) | undefined;
}

/** A Request that was sent, and its channels if it has any. */
interface Sent {
  readonly id: number;
  readonly outgoing: OutgoingChannels | undefined;
  readonly halves: Channels | undefined;
}

/** Our calls on a connection. */
export class Calls {
  readonly #link: WasmLink;
  readonly #agreed: Agreed;
  /** Metadata sent with every call, and its encoding. */
  readonly #metadata: readonly Entry[];
  readonly #encodedMetadata: Uint8Array | undefined;
  readonly #pending = new Map<number, Pending>();
  #closed: CloseInfo | undefined;

  constructor(link: WasmLink, agreed: Agreed, metadata: readonly Entry[]) {
    this.#link = link;
    this.#agreed = agreed;
    this.#metadata = metadata;
    this.#encodedMetadata = encodeMetadata(metadata);
  }

  /**
   * Calls a method now; the promise rejects if the call is invalid. `onSent` gets the function that cancels the call
   * for a reason.
   */
  call(
    method: Method,
    args: readonly unknown[],
    options: unknown,
    onSent?: (cancel: (reason: unknown) => void) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const checked = checkOptions(method, options);
      checked.signal?.throwIfAborted();
      const id = this.#start(method, args, checked, resolve, reject);
      onSent?.((reason) => this.#cancel(id, reason));
    });
  }

  /** Handles an answer. */
  response(id: number, kind: OutcomeKind, body: Bytes, halves: Channels | undefined): void {
    const call = this.#take(id);
    if (call === undefined) return halves?.free();
    // The timer may be late: browsers slow those of hidden pages.
    if (hasTimedOut(call)) {
      halves?.free();
      return giveUp(call, timedOut(call));
    }
    let value;
    try {
      value = decodeAnswer(call.method, kind, body, halves, this.#agreed.maxElement);
    } catch (error) {
      return settleFailed(call, error);
    }
    call.channels?.callSucceeded();
    call.resolve(value);
  }

  /** Fails a call that will not be answered. */
  failed(id: number, failure: unknown): void {
    const call = this.#take(id);
    if (call !== undefined) settleFailed(call, fromFailure(failure, call.method.label));
  }

  /** Fails all calls: the link has ended. */
  closed(info: CloseInfo): void {
    this.#closed = info;
    for (const id of [...this.#pending.keys()]) {
      const call = this.#take(id)!;
      settleFailed(call, linkClosed(info, call.method.label));
    }
  }

  #start(
    method: Method,
    args: readonly unknown[],
    options: CallOptions,
    resolve: Pending["resolve"],
    reject: Pending["reject"],
  ): number {
    if (this.#closed !== undefined) throw linkClosed(this.#closed, method.label);
    const { signal, timeoutMs } = options;
    const began = timeoutMs === undefined ? undefined : performance.now();
    const { id, outgoing, halves } = this.#send(method, args, options);
    const channels = halves && new CallChannels(method.label, this.#agreed.maxElement);
    const call: Pending = { method, resolve, reject, channels, timeoutMs, began, unwatch: undefined };
    this.#pending.set(id, call);
    if (signal !== undefined || timeoutMs !== undefined) call.unwatch = this.#watch(id, call, signal);
    if (channels !== undefined) {
      channels.onProgress = options.onProgress;
      channels.onSourceError = (error) => this.#cancel(id, error);
      outgoing?.connect(halves!, channels);
    }
    return id;
  }

  #send(method: Method, args: readonly unknown[], options: CallOptions): Sent {
    try {
      const metadata = this.#encodeMetadata(options);
      return encodeValue(
        (writer) => encodeArgs(writer, method, args),
        (payload, outgoing) => {
          const { maxPayload } = this.#agreed;
          if (payload.length > maxPayload) throw payloadTooLarge(payload.length, maxPayload, method.label);
          const id = this.#link.call(ROOT, method.id, payload, metadata, outgoing?.channels);
          return { id, outgoing, halves: outgoing && this.#link.kept() };
        },
      );
    } catch (error) {
      if (error instanceof ValueError) throw new RoamError("invalid-argument", error.message, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  #encodeMetadata({ metadata, timeoutMs }: CallOptions): Uint8Array | undefined {
    if (metadata === undefined && timeoutMs === undefined) return this.#encodedMetadata;
    const all: Entry[] = [...this.#metadata];
    if (metadata !== undefined) all.push(...entries(metadata));
    if (timeoutMs !== undefined) all.push([DEADLINE, Math.ceil(timeoutMs)]);
    return encodeMetadata(all);
  }

  #watch(id: number, call: Pending, signal: AbortSignal | undefined): () => void {
    const { timeoutMs } = call;
    const onAbort = (): void => this.#cancel(id, signal?.reason);
    const onTimeout = (): void => this.#cancel(id, timedOut(call));
    signal?.addEventListener("abort", onAbort);
    const timer =
      timeoutMs === undefined || timeoutMs > LONGEST_TIMER_MS ? undefined : setTimeout(onTimeout, timeoutMs);
    return () => {
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    };
  }

  /** Cancels a call: its promise rejects with `reason`. */
  #cancel(id: number, reason: unknown): void {
    const call = this.#take(id);
    if (call === undefined) return;
    this.#link.cancel(ROOT, id);
    giveUp(call, reason);
  }

  #take(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    call.unwatch?.();
    return call;
  }
}

/** Rejects the call, and resets its channels. */
function giveUp(call: Pending, reason: unknown): void {
  call.channels?.abort(reason);
  call.reject(reason);
}

function hasTimedOut({ began, timeoutMs }: Pending): boolean {
  return began !== undefined && performance.now() - began >= timeoutMs!;
}

function timedOut({ method, timeoutMs }: Pending): RoamError {
  return new RoamError("deadline", `no answer within ${timeoutMs} ms`, { method: method.label });
}

function settleFailed(call: Pending, error: unknown): void {
  call.channels?.callFailed(error);
  call.reject(error);
}

function checkOptions(method: Method, options: unknown): CallOptions {
  if (options === undefined) return NO_OPTIONS;
  const wrong = (what: string): RoamError => new RoamError("invalid-argument", what, { method: method.label });
  if (typeof options !== "object" || options === null)
    throw wrong(`options: expected an object after ${method.args.length} arguments`);
  const { signal, timeoutMs, onProgress, metadata } = options as CallOptions;
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function")
    throw wrong("options.signal: expected an AbortSignal");
  if (
    timeoutMs !== undefined &&
    !(typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= Number.MAX_SAFE_INTEGER)
  ) {
    throw wrong("options.timeoutMs: expected a number of milliseconds, 0 or more");
  }
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw wrong("options.onProgress: expected a function");
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null))
    throw wrong("options.metadata: expected an object");
  return options as CallOptions;
}
