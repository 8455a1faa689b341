import type { Codec } from "../codec/codec.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { fromFailure, RoamError } from "../errors.js";
import type { Receiver } from "../wasm.js";
import { END, type Outlet } from "./port.js";

type Next = IteratorResult<unknown, undefined>;

/** Consumption is told at the end of a batch, and every so many bytes. */
const REPORT = 16 * 1024;

/**
 * The receiving end of a channel from the peer.
 *
 * What has arrived is taken out of wasm in batches and decoded element by element when it is asked
 * for; credit goes back as it is consumed.
 */
export class RemoteOutlet implements Outlet {
  readonly #receiver: Receiver;
  readonly #codec: Codec;
  readonly #method: string;
  /** What has the last word on how the stream ends: the answer of the call whose stream it is. */
  verdict: Promise<unknown> | undefined;
  /** Why the channel was cut, if that is known better than by the channel itself. */
  cutReason: unknown;
  #batch: Reader | undefined;
  #consumed = 0;
  /** The last `next` that has to wait for the peer; those after it wait for it. */
  #wait: Promise<Next> | undefined;
  #over: (() => Promise<Next>) | undefined;

  constructor(receiver: Receiver, codec: Codec, method: string) {
    this.#receiver = receiver;
    this.#codec = codec;
    this.#method = method;
  }

  next(): Promise<Next> {
    if (this.#wait !== undefined) return this.#after(this.#wait);
    if (this.#over !== undefined) return this.#over();
    if (this.#batch !== undefined) return this.#element(this.#batch);
    return this.#after(undefined);
  }

  cancel(): void {
    this.#end(() => Promise.resolve(END));
  }

  /** Cuts the channel here: whoever reads gets `reason`. */
  abort(reason: unknown): void {
    this.#end(() => Promise.reject(reason));
  }

  /** The next element of what has arrived. */
  #element(batch: Reader): Promise<Next> {
    try {
      const length = batch.record();
      const value = this.#codec.decode(batch);
      batch.finish();
      this.#account(batch, length);
      return Promise.resolve({ done: false, value });
    } catch (error) {
      const reason = error instanceof ValueError ? `element: ${error.message}` : String(error);
      const cut = new RoamError("protocol", reason, { method: this.#method, cause: error });
      this.abort(cut);
      return Promise.reject(cut);
    }
  }

  #account(batch: Reader, length: number): void {
    this.#consumed += length;
    if (batch.exhausted) this.#batch = undefined;
    else if (this.#consumed < REPORT) return;
    this.#receiver.consumed(this.#consumed);
    this.#consumed = 0;
  }

  /** What comes after `before`, once there is something. */
  #after(before: Promise<Next> | undefined): Promise<Next> {
    const wait = this.#waitAfter(before).finally(() => {
      if (this.#wait === wait) this.#wait = undefined;
    });
    this.#wait = wait;
    return wait;
  }

  async #waitAfter(before: Promise<Next> | undefined): Promise<Next> {
    await before?.catch(() => undefined);
    while (this.#over === undefined && this.#batch === undefined) await this.#takeBatch();
    return this.#over === undefined ? this.#element(this.#batch!) : this.#over();
  }

  /** Takes what has arrived, or waits until there is something. */
  async #takeBatch(): Promise<void> {
    try {
      const batch = this.#receiver.take();
      if (batch === undefined) await this.#cleanEnd();
      else if (batch.length > 0) this.#batch = new Reader(batch, true);
      else await this.#receiver.ready();
    } catch (failure) {
      await this.#cut(fromFailure(failure, this.#method));
    }
  }

  async #cleanEnd(): Promise<void> {
    await this.verdict;
    this.#over ??= () => Promise.resolve(END);
  }

  /** The peer has cut the channel: the call's own error says why, if there is one. */
  async #cut(failure: unknown): Promise<void> {
    const said = await Promise.resolve(this.verdict).then(
      () => undefined,
      (error: unknown) => error,
    );
    const reason = said ?? this.cutReason ?? failure;
    this.#over ??= () => Promise.reject(reason);
  }

  #end(over: () => Promise<Next>): void {
    if (this.#over !== undefined) return;
    this.#over = over;
    this.#batch = undefined;
    this.#receiver.reset();
  }
}
