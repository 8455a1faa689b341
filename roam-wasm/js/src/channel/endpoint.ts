/** Where a `Tx` puts its values. */
export interface ChannelSink {
  /** Accepts a value; returns {@link SENT} when there is nothing to wait for. */
  send(value: unknown): Promise<void>;
  /** Ends the channel cleanly, after everything that was sent; rejects if it had ended in another way. */
  close(): Promise<void>;
  /** Resets the channel: drops what has not left yet, and the receiver gets an error. */
  abort(reason: unknown): void;
  /** Whether the channel has ended, so that nothing more can be sent. */
  readonly ended: boolean;
  /** The length of the chunks into which long byte arrays are split; `undefined`: the elements are not bytes. */
  readonly chunkLength: number | undefined;
}

/** Where an `Rx` gets its values. */
export interface ChannelSource {
  /** Returns the next value, in the order of the calls; rejects when the channel was reset. */
  next(): Promise<IteratorResult<unknown, undefined>>;
  /** Tells the sender to stop. */
  cancel(): void;
}

/** A channel's end with us, whose half the page may lose. */
export interface RemoteEnd {
  /** Resets the channel, unless it was closed: nobody can reach its half any more. */
  lost(): void;
}

const lostHalves = new FinalizationRegistry<RemoteEnd>((end) => end.lost());

/** Tells `end` when the page has lost `half`, which takes the place of an earlier half. */
export function watchHalf(half: object, end: RemoteEnd): void {
  unwatchHalf(end);
  lostHalves.register(half, end, end);
}

/** Stops watching the half of `end`, which is in use even if the page has lost it. */
export function unwatchHalf(end: object): void {
  lostHalves.unregister(end);
}

/** Returned by `send` when it did not have to wait: one promise for all calls. */
export const SENT: Promise<void> = Promise.resolve();

/** Returned by `next` after the last value of a closed channel. */
export const END: IteratorResult<unknown, undefined> = { done: true, value: undefined };

/** The longest element of a byte stream, in bytes; longer arrays are split. */
export const MAX_CHUNK = 16 * 1024;
