import { CallChannels } from "../channel/call-channels.js";
import { encodeValue, type OutgoingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import { fromFailure, linkClosed, payloadTooLarge, RoamError } from "../errors.js";
import type { CallOptions } from "../types.js";
import { type Agreed, type Bytes, type Channels, type CloseInfo, OutcomeKind, ROOT, type WasmLink } from "../wasm.js";
import { decodeAnswer } from "./answer.js";
import { DEADLINE, encodeMetadata, type Entry, entries, LONGEST_TIMER_MS, type Said, SIGNATURE } from "./metadata.js";
import { encodeArgs, type Method } from "./method.js";

const NO_OPTIONS: CallOptions = {};

/** An unanswered call. */
interface Pending {
  /** The id of its Request, once that was sent. */
  id: number | undefined;
  readonly method: Method;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  channels: CallChannels | undefined;
  readonly timeoutMs: number | undefined;
  /** When the call began, on the clock of `performance.now()`, if it has a timeout. */
  readonly began: number | undefined;
  /** Stops watching the signal and the timeout. */
  unwatch: (() => void) | undefined;
  /** The length of the arguments in bytes; 0 for a call with channels. */
  readonly size: number;
}

/** A call that waits in line. */
interface Waiting {
  readonly payload: Uint8Array;
  readonly options: CallOptions;
}

/** The arguments of a call: in a Request that was sent, with its channels if it has any, or copied to wait in line. */
interface Sent {
  readonly id: number | undefined;
  readonly size: number;
  readonly waiting?: Uint8Array;
  readonly outgoing: OutgoingChannels | undefined;
  readonly halves: Channels | undefined;
}

/** Our calls on a connection. */
export class Calls {
  readonly #link: WasmLink;
  readonly #agreed: Agreed;
  readonly #said: Readonly<Said>;
  /** Methods that the server has answered, so its signature is ours. Other calls send the hash of ours. */
  readonly #verified = new Set<Method>();
  readonly #pending = new Map<number, Pending>();
  /** Calls over the server's limits, in the order in which they were made. Calls with channels do not wait. */
  readonly #line = new Map<Pending, Waiting>();
  /** Sent calls without channels, and the bytes of their arguments. */
  #calls = 0;
  #bytes = 0;
  #closed: CloseInfo | undefined;

  constructor(link: WasmLink, agreed: Agreed, said: Readonly<Said>) {
    this.#link = link;
    this.#agreed = agreed;
    this.#said = said;
  }

  /**
   * Calls a method, at once or when the server has room for the call; the promise rejects if the call is invalid. `onSent` gets the function that cancels the call
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
      const call = this.#start(method, args, checked, resolve, reject);
      onSent?.((reason) => this.#cancel(call, reason));
    });
  }

  /** Handles an answer. */
  response(id: number, kind: OutcomeKind, body: Bytes, halves: Channels | undefined): void {
    const call = this.#take(id);
    if (call === undefined) halves?.free();
    else this.#settle(call, kind, body, halves);
    // Not before the answer is decoded: the body is a view.
    this.#sendWaiting();
  }

  #settle(call: Pending, kind: OutcomeKind, body: Bytes, halves: Channels | undefined): void {
    // What fails in another way may have failed before the server compared the signatures.
    if (kind === OutcomeKind.Value || kind === OutcomeKind.Error) this.#verified.add(call.method);
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
    this.#sendWaiting();
  }

  /** Fails all calls: the link has ended. */
  closed(info: CloseInfo): void {
    this.#closed = info;
    const calls = [...this.#pending.values(), ...this.#line.keys()];
    this.#pending.clear();
    this.#line.clear();
    for (const call of calls) {
      call.unwatch?.();
      settleFailed(call, linkClosed(info, call.method.label));
    }
  }

  #start(
    method: Method,
    args: readonly unknown[],
    options: CallOptions,
    resolve: Pending["resolve"],
    reject: Pending["reject"],
  ): Pending {
    if (this.#closed !== undefined) throw linkClosed(this.#closed, method.label);
    const { signal, timeoutMs } = options;
    const began = timeoutMs === undefined ? undefined : performance.now();
    const { id, size, waiting, outgoing, halves } = this.#send(method, args, options);
    const channels = halves && new CallChannels(method.label, this.#agreed.maxElement);
    const call: Pending = { id, method, resolve, reject, channels, timeoutMs, began, unwatch: undefined, size };
    if (waiting !== undefined) this.#line.set(call, { payload: waiting, options });
    else this.#onSent(call, outgoing === undefined);
    if (signal !== undefined || timeoutMs !== undefined) call.unwatch = this.#watch(call, signal);
    if (channels !== undefined) {
      channels.onProgress = options.onProgress;
      channels.onSourceError = (error) => this.#cancel(call, error);
      outgoing?.connect(halves!, channels);
    }
    return call;
  }

  #send(method: Method, args: readonly unknown[], options: CallOptions): Sent {
    try {
      return encodeValue(
        (writer) => encodeArgs(writer, method, args),
        (payload, outgoing) => {
          const { maxPayload } = this.#agreed;
          const size = payload.length;
          if (size > maxPayload) throw payloadTooLarge(size, maxPayload, method.label);
          if (outgoing === undefined && !(this.#line.size === 0 && this.#hasRoom(size)))
            return { id: undefined, size, waiting: payload.slice(), outgoing, halves: undefined };
          const metadata = this.#encodeMetadata(method, options, options.timeoutMs);
          const id = this.#link.call(ROOT, method.id, payload, metadata, outgoing?.channels);
          return { id, size: outgoing ? 0 : size, outgoing, halves: outgoing && this.#link.kept() };
        },
      );
    } catch (error) {
      if (error instanceof ValueError) throw new RoamError("invalid-argument", error.message, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  #onSent(call: Pending, isPlain: boolean): void {
    this.#pending.set(call.id!, call);
    if (isPlain) this.#calls++;
    this.#bytes += call.size;
  }

  /** Returns whether the server has room for another call without channels. */
  #hasRoom(size: number): boolean {
    const { maxCalls, maxCallBytes } = this.#agreed;
    return this.#calls < maxCalls && (this.#bytes === 0 || this.#bytes + size <= maxCallBytes);
  }

  /** Sends calls that wait, as far as the server has room for them. */
  #sendWaiting(): void {
    for (const [call, { payload, options }] of this.#line) {
      if (!this.#hasRoom(call.size)) return;
      this.#line.delete(call);
      try {
        const { began, timeoutMs } = call;
        const left = began === undefined ? undefined : Math.max(0, timeoutMs! - (performance.now() - began));
        const { method } = call;
        call.id = this.#link.call(ROOT, method.id, payload, this.#encodeMetadata(method, options, left), undefined);
        this.#onSent(call, true);
      } catch (error) {
        call.unwatch?.();
        call.reject(fromFailure(error, call.method.label));
      }
    }
  }

  #encodeMetadata(method: Method, { metadata }: CallOptions, timeoutMs: number | undefined): Uint8Array | undefined {
    const signature = this.#verified.has(method) ? undefined : method.signature;
    if (metadata === undefined && timeoutMs === undefined && signature === undefined) return this.#said.encoded;
    const all: Entry[] = [...this.#said.entries];
    if (metadata !== undefined) all.push(...entries(metadata));
    if (timeoutMs !== undefined) all.push([DEADLINE, Math.ceil(timeoutMs)]);
    if (signature !== undefined) all.push([SIGNATURE, signature]);
    return encodeMetadata(all);
  }

  #watch(call: Pending, signal: AbortSignal | undefined): () => void {
    const { timeoutMs } = call;
    const onAbort = (): void => this.#cancel(call, signal?.reason);
    const onTimeout = (): void => this.#cancel(call, timedOut(call));
    signal?.addEventListener("abort", onAbort);
    const timer =
      timeoutMs === undefined || timeoutMs > LONGEST_TIMER_MS ? undefined : setTimeout(onTimeout, timeoutMs);
    return () => {
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    };
  }

  /** Cancels a call: its promise rejects with `reason`. */
  #cancel(call: Pending, reason: unknown): void {
    if (this.#line.delete(call)) {
      call.unwatch?.();
    } else {
      if (call.id === undefined || this.#take(call.id) === undefined) return;
      this.#link.cancel(ROOT, call.id);
      this.#sendWaiting();
    }
    giveUp(call, reason);
  }

  #take(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    call.unwatch?.();
    if (call.channels === undefined) this.#calls--;
    this.#bytes -= call.size;
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
