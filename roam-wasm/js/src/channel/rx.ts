import { asyncDispose, dispose } from "../dispose.js";
import { type ChannelSource, END, watchHalf } from "./endpoint.js";
import type { LocalChannel } from "./local.js";
import { RemoteSource } from "./remote-source.js";

/**
 * The receiving half of a channel: read it with `for await`.
 *
 * Leaving the loop early, `return()`, `using` and `await using` tell the sender to stop. A channel that was
 * reset throws, so it never looks like a complete one.
 */
export class Rx<T> implements AsyncIterableIterator<T, undefined, undefined>, AsyncDisposable, Disposable {
  #source: ChannelSource;

  /** @internal */
  constructor(source: ChannelSource) {
    this.#source = source;
  }

  /** Returns the next value. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#source.next() as Promise<IteratorResult<T, undefined>>;
  }

  /** Stops reading and tells the sender to stop. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#source.cancel();
    return Promise.resolve(END as IteratorResult<T, undefined>);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Same as `return()`. */
  async [asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Same as `return()`. */
  [dispose](): void {
    void this.return();
  }

  /** Returns this half as a Web Stream; backpressure applies. */
  readable(): ReadableStream<T> {
    return new ReadableStream<T>(
      {
        pull: async (controller) => {
          const { done, value } = await this.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => void this.return(),
      },
      // Do not read ahead: unread values wait at the sender.
      { highWaterMark: 0 },
    );
  }

  /** @internal */
  static sourceOf(rx: Rx<unknown>): ChannelSource {
    return rx.#source;
  }

  /** Connects `rx` to the peer that its sender was sent to. @internal */
  static connect(rx: Rx<unknown>, local: LocalChannel, source: RemoteSource): void {
    watchHalf(rx, source);
    rx.#source = local.receiveFrom(source);
  }
}

/**
 * The values of a method whose `Tx` argument was left out, together with the method's result.
 *
 * Whoever stops reading it cancels the call, unless `result` was read before.
 */
export class ResultStream<T, Result> extends Rx<T> {
  readonly #source: ChannelSource;
  readonly #result: Result;

  /** @internal */
  constructor(source: ChannelSource, result: Result) {
    super(source);
    this.#source = source;
    this.#result = result;
    if (source instanceof RemoteSource) watchHalf(this, source);
  }

  /** The method's own result. Once this was read, the call goes on when the stream is left. */
  get result(): Result {
    if (this.#source instanceof RemoteSource) this.#source.cancelCall = undefined;
    return this.#result;
  }
}
