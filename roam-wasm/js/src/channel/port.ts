/** Where a `Tx` puts what is sent. */
export interface Inlet {
  /** Takes a value; {@link SENT} when there is nothing to wait for. */
  send(value: unknown): Promise<void>;
  /** The clean end, after what was sent. */
  close(): Promise<void>;
  /** Ends at once: what has not left is dropped, and the other side gets an error. */
  abort(reason: unknown): void;
  /** Whether nothing can be sent any more. */
  readonly over: boolean;
  /** The length of the pieces into which long byte arrays are cut; `undefined`: not bytes. */
  readonly pieceLength: number | undefined;
}

/** Where an `Rx` takes what is received. */
export interface Outlet {
  /** The next value, in the order of the calls; rejects when the channel was cut. */
  next(): Promise<IteratorResult<unknown, undefined>>;
  /** Nobody wants more. */
  cancel(): void;
}

/** What `send` returns when it did not have to wait: one promise for all of them. */
export const SENT: Promise<void> = Promise.resolve();

/** What `next` returns at the clean end. */
export const END: IteratorResult<unknown, undefined> = { done: true, value: undefined };

/** Byte streams are cut into elements of at most this many bytes. */
export const MAX_PIECE = 16 * 1024;
