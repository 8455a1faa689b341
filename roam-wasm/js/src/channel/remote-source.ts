import type { Codec } from "../codec/codec.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { fromFailure, RoamError } from "../errors.js";
import type { Receiver } from "../wasm.js";
import { type ChannelSource, END, type RemoteEnd } from "./endpoint.js";

type Next = IteratorResult<unknown, undefined>;

/** Consumption is reported at the end of a batch, and whenever it reaches this many bytes. */
const REPORT_BYTES = 16 * 1024;

/**
 * The receiver of a channel from the peer.
 *
 * It takes arrived elements out of wasm in batches and decodes each when it is asked for; credit
 * is granted as elements are consumed.
 */
export class RemoteSource implements ChannelSource, RemoteEnd {
  readonly #receiver: Receiver;
  readonly #codec: Codec;
  readonly #method: string;
  /** The result of the call that this stream belongs to. The stream ends after it, with its error if it fails. */
  callResult: Promise<unknown> | undefined;
  /** Cancels that call, unless somebody else waits for its result; called when the stream is left. */
  cancelCall: (() => void) | undefined;
  /** Why the channel was reset, if more is known than the channel itself tells. */
  resetReason: unknown;
  #batch: Reader | undefined;
  #consumed = 0;
  /** The last `next` that waits for the peer; later ones wait for it, to keep their order. */
  #pending: Promise<Next> | undefined;
  /** What `next` returns once the channel has ended. */
  #ended: (() => Promise<Next>) | undefined;

  constructor(receiver: Receiver, codec: Codec, method: string) {
    this.#receiver = receiver;
    this.#codec = codec;
    this.#method = method;
  }

  next(): Promise<Next> {
    if (this.#pending !== undefined) return this.#nextAfter(this.#pending);
    if (this.#ended !== undefined) return this.#ended();
    if (this.#batch !== undefined) return this.#element(this.#batch);
    return this.#nextAfter(undefined);
  }

  cancel(): void {
    this.#reset(() => Promise.resolve(END));
  }

  lost(): void {
    // Somebody may still wait for the next value.
    if (this.#pending === undefined) this.cancel();
    else void this.#pending.catch(() => undefined).then(() => this.lost());
  }

  /** Resets the channel; `next` rejects with `reason`. */
  abort(reason: unknown): void {
    this.#reset(() => Promise.reject(reason));
  }

  /** Decodes the next element of the batch. */
  #element(batch: Reader): Promise<Next> {
    try {
      const length = batch.record();
      const value = this.#codec.decode(batch);
      batch.finish();
      this.#reportConsumed(batch, length);
      return Promise.resolve({ done: false, value });
    } catch (error) {
      const reason = error instanceof ValueError ? `element: ${error.message}` : String(error);
      const failure = new RoamError("protocol", reason, { method: this.#method, cause: error });
      this.abort(failure);
      return Promise.reject(failure);
    }
  }

  #reportConsumed(batch: Reader, length: number): void {
    this.#consumed += length;
    if (batch.exhausted) this.#batch = undefined;
    else if (this.#consumed < REPORT_BYTES) return;
    this.#receiver.consumed(this.#consumed);
    this.#consumed = 0;
  }

  /** Waits for the result that follows `before`. */
  #nextAfter(before: Promise<Next> | undefined): Promise<Next> {
    const pending = this.#waitAfter(before).finally(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
    this.#pending = pending;
    return pending;
  }

  async #waitAfter(before: Promise<Next> | undefined): Promise<Next> {
    await before?.catch(() => undefined);
    while (this.#ended === undefined && this.#batch === undefined) await this.#takeBatch();
    return this.#ended === undefined ? this.#element(this.#batch!) : this.#ended();
  }

  /** Takes the elements that have arrived, or waits until there are some. */
  async #takeBatch(): Promise<void> {
    try {
      const batch = this.#receiver.take();
      if (batch === undefined) await this.#onClosed();
      else if (batch.length > 0) this.#batch = new Reader(batch, true);
      else await this.#receiver.ready();
    } catch (failure) {
      await this.#onReset(fromFailure(failure, this.#method));
    }
  }

  async #onClosed(): Promise<void> {
    await this.callResult;
    this.#ended ??= () => Promise.resolve(END);
  }

  /** Ends a channel that the peer reset, preferably with the error of the call, which says why. */
  async #onReset(failure: unknown): Promise<void> {
    const callError = await Promise.resolve(this.callResult).then(
      () => undefined,
      (error: unknown) => error,
    );
    const reason = callError ?? this.resetReason ?? failure;
    this.#ended ??= () => Promise.reject(reason);
  }

  #reset(ended: () => Promise<Next>): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    this.#batch = undefined;
    this.cancelCall?.();
    this.#receiver.reset();
  }
}
