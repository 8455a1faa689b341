import { CallChannels } from "../channel/call-channels.js";
import { OutgoingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import { withWriter, type Writer } from "../codec/writer.js";
import { fromFailure, linkClosed, RoamError } from "../errors.js";
import type { CallOptions } from "../types.js";
import type { Bytes, Channels, CloseInfo, OutcomeKind, WasmLink } from "../wasm.js";
import { decodeAnswer } from "./answer.js";
import { DEADLINE, encodeMetadata, type Entry, entries, LONGEST_TIMER_MS, NO_METADATA } from "./metadata.js";
import { encodeArgs, type Method } from "./method.js";

const NO_OPTIONS: CallOptions = {};

/** An unanswered call. */
interface Pending {
  readonly method: Method;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly channels: CallChannels | undefined;
  /** Stops watching the signal and the timeout. */
  unwatch: (() => void) | undefined;
}

/** Our calls on a link. */
export class Calls {
  readonly #link: WasmLink;
  /** Metadata sent with every call. */
  readonly #metadata: readonly Entry[];
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #closed: CloseInfo | undefined;

  constructor(link: WasmLink, metadata: readonly Entry[]) {
    this.#link = link;
    this.#metadata = metadata;
  }

  /** Calls a method now; the promise rejects if the call is invalid. */
  call(method: Method, args: readonly unknown[], options: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const checked = checkOptions(method, options);
      checked.signal?.throwIfAborted();
      this.#start(method, args, checked, resolve, reject);
    });
  }

  /** Handles an answer. */
  response(id: number, kind: OutcomeKind, body: Bytes, halves: Channels | undefined): void {
    const call = this.#take(id);
    if (call === undefined) return halves?.free();
    let value;
    try {
      value = decodeAnswer(call.method, kind, body, halves, this.#link.largestElement());
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
  ): void {
    if (this.#closed !== undefined) throw linkClosed(this.#closed, method.label);
    const outgoing = new OutgoingChannels();
    const id = this.#nextId();
    const halves = this.#send(id, method, args, options, outgoing);
    const channels = halves && new CallChannels(method.label, this.#link.largestElement());
    const call: Pending = { method, resolve, reject, channels, unwatch: undefined };
    this.#pending.set(id, call);
    if (options.signal !== undefined || options.timeoutMs !== undefined)
      call.unwatch = this.#watch(id, method, options);
    if (channels === undefined) return;
    channels.onProgress = options.onProgress;
    channels.onSourceError = (error) => this.#cancel(id, error);
    outgoing.connect(halves, channels);
  }

  #send(
    id: number,
    method: Method,
    args: readonly unknown[],
    options: CallOptions,
    outgoing: OutgoingChannels,
  ): Channels | undefined {
    try {
      return withWriter((writer) => {
        writer.channels = outgoing;
        encodeArgs(writer, method, args);
        return this.#withMetadata(options, (metadata) =>
          this.#link.call(id, method.id, writer.written(), metadata, outgoing.keep),
        );
      });
    } catch (error) {
      if (error instanceof ValueError) throw new RoamError("invalid-argument", error.message, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  #withMetadata<T>(options: CallOptions, use: (metadata: Uint8Array) => T): T {
    const all: Entry[] = [...this.#metadata];
    if (options.metadata !== undefined) all.push(...entries(options.metadata));
    if (options.timeoutMs !== undefined) all.push([DEADLINE, Math.ceil(options.timeoutMs)]);
    if (all.length === 0) return use(NO_METADATA);
    return withWriter((writer: Writer) => {
      encodeMetadata(writer, all);
      return use(writer.written());
    });
  }

  #watch(id: number, method: Method, { signal, timeoutMs }: CallOptions): () => void {
    const onAbort = (): void => this.#cancel(id, signal?.reason);
    const onTimeout = (): void =>
      this.#cancel(id, new RoamError("deadline", `no answer within ${timeoutMs} ms`, { method: method.label }));
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
    this.#link.cancel(id);
    call.channels?.abort(reason);
    call.reject(reason);
  }

  #take(id: number): Pending | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    call.unwatch?.();
    return call;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
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
