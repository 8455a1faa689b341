import "../dispose.js";
import type { LocalChannel } from "./local.js";
import { END, type Outlet } from "./port.js";

/**
 * The receiving end of a channel: read it with `for await`.
 *
 * Leaving the loop early, `return()` and `await using` tell the sender to stop. A stream that was
 * cut throws; it never just ends.
 */
export class Rx<T> implements AsyncIterableIterator<T, undefined, undefined>, AsyncDisposable {
  #outlet: Outlet;

  /** @internal */
  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** The next value. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#outlet.next() as Promise<IteratorResult<T, undefined>>;
  }

  /** Nothing more is wanted: the sender is told to stop. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#outlet.cancel();
    return Promise.resolve(END as IteratorResult<T, undefined>);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As `return()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** This end as a Web Stream; backpressure is kept. */
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
      // Read nothing ahead: what waits, waits at the sender.
      { highWaterMark: 0 },
    );
  }

  /** @internal */
  static outletOf(rx: Rx<unknown>): Outlet {
    return rx.#outlet;
  }

  /** The channel's other end was sent to a peer. @internal */
  static connect(rx: Rx<unknown>, local: LocalChannel, outlet: Outlet): void {
    rx.#outlet = local.receiveFrom(outlet);
  }
}

/** The stream of a method whose `Tx` argument was left out, with the method's answer. */
export class ResultStream<T, Result> extends Rx<T> {
  /** The method's answer. */
  readonly result: Result;

  /** @internal */
  constructor(outlet: Outlet, result: Result) {
    super(outlet);
    this.result = result;
  }
}
