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

/** Returned by `send` when it did not have to wait: one promise for all calls. */
export const SENT: Promise<void> = Promise.resolve();

/** Returned by `next` after the last value of a closed channel. */
export const END: IteratorResult<unknown, undefined> = { done: true, value: undefined };

/** The longest element of a byte stream, in bytes; longer arrays are split. */
export const MAX_CHUNK = 16 * 1024;
