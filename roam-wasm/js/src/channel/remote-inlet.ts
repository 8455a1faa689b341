import type { Codec } from "../codec/codec.js";
import { ValueError } from "../codec/error.js";
import { primitives } from "../codec/primitives.js";
import { Writer } from "../codec/writer.js";
import { fromFailure, RoamError } from "../errors.js";
import type { Sender } from "../wasm.js";
import { type Inlet, MAX_PIECE, SENT } from "./port.js";

/** So many bytes are handed to wasm at once. */
const BATCH = 16 * 1024;
/** After so many microtasks in which nothing was sent, what is there is handed over. */
const PATIENCE = 4;
/** The most that a byte vector's own length takes. */
const LENGTH_PREFIX = 5;

interface Waiting {
  readonly record: Uint8Array;
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The sending end of a channel to the peer.
 *
 * Elements are encoded at once and collected: a loop of `await tx.send(…)` costs one crossing into
 * wasm, and one frame, for many elements. While credit is known to be there `send` does not wait.
 */
export class RemoteInlet implements Inlet {
  readonly pieceLength: number | undefined;
  /** Called when the peer may have consumed more. */
  onConsumed: (() => void) | undefined;
  readonly #sender: Sender;
  readonly #codec: Codec;
  readonly #method: string;
  readonly #largest: number;
  /** Elements that are not sent yet though there is credit for them, and their length together. */
  readonly #collected = new Writer();
  #collectedLength = 0;
  /** Length of all elements so far, and how much of it is not bytes of the stream. */
  #sent = 0;
  #overhead = 0;
  /** Credit beyond what was collected; there may be more by now. */
  #credit = 0;
  /** Elements for which there is no credit yet, in order. */
  readonly #waiting: Waiting[] = [];
  #serving: Promise<void> | undefined;
  #state: "open" | "closing" | "over" = "open";
  #reason: unknown;
  #ticking = false;
  #idleTicks = 0;

  constructor(sender: Sender, codec: Codec, method: string, largest: number) {
    this.#sender = sender;
    this.#codec = codec;
    this.#method = method;
    this.#largest = largest;
    this.pieceLength =
      codec === primitives.bytes ? Math.max(1, Math.min(MAX_PIECE, largest - LENGTH_PREFIX)) : undefined;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  /** Bytes that were sent; of a byte stream, the bytes of the stream. */
  get total(): number {
    return this.#sent - this.#overhead;
  }

  /** The part of {@link total} that the peer has consumed. */
  get progress(): number {
    return this.#sent === 0 ? 0 : Math.floor((this.#sender.consumed() / this.#sent) * this.total);
  }

  /** Resolves when the channel is over. */
  async ended(): Promise<void> {
    // So much credit there never is: this waits for the end.
    await this.#sender.ready(2 ** 32 - 1).catch(() => undefined);
  }

  send(value: unknown): Promise<void> {
    if (this.#state !== "open") return Promise.reject(this.#ended());
    const collected = this.#collected;
    const before = collected.length;
    let length: number;
    try {
      length = this.#encode(value);
    } catch (error) {
      collected.truncate(before);
      return Promise.reject(error);
    }
    this.#sent += length;
    if (this.pieceLength !== undefined) this.#overhead += length - (value as Uint8Array).length;
    if (this.#waiting.length === 0 && this.#affords(length)) {
      this.#take(length);
      return SENT;
    }
    const record = collected.written().slice(before);
    collected.truncate(before);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, length, resolve, reject });
      this.#serving ??= this.#serveWaiting();
    });
  }

  async close(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closing";
    await this.#serving;
    this.#flush();
    if (this.#state === "closing") {
      this.#sender.close();
      this.#state = "over";
    }
  }

  abort(reason: unknown): void {
    if (this.#state === "over") return;
    this.#fail(reason);
    this.#sender.reset();
  }

  /** Appends the value as a record and returns its length without the header. */
  #encode(value: unknown): number {
    const start = this.#collected.beginRecord();
    try {
      this.#codec.encode(this.#collected, value);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new RoamError("invalid-argument", `element: ${error.message}`, { method: this.#method });
    }
    const length = this.#collected.endRecord(start);
    if (length <= this.#largest) return length;
    const reason = `an element of ${length} bytes is longer than the largest, ${this.#largest} bytes`;
    throw new RoamError("too-large", reason, { method: this.#method });
  }

  #affords(length: number): boolean {
    if (length > this.#credit) this.#credit = this.#sender.credit() - this.#collectedLength;
    return length <= this.#credit;
  }

  /** The last `length` bytes of what is collected will be sent. */
  #take(length: number): void {
    this.#credit -= length;
    this.#collectedLength += length;
    if (this.#collected.length >= BATCH) return this.#flush();
    this.#idleTicks = 0;
    if (!this.#ticking) {
      this.#ticking = true;
      queueMicrotask(this.#tick);
    }
  }

  readonly #tick = (): void => {
    if (this.#collected.length > 0 && ++this.#idleTicks < PATIENCE) return queueMicrotask(this.#tick);
    this.#ticking = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#collected.length === 0) return;
    try {
      this.#sender.send(this.#collected.written());
      this.#collected.truncate(0);
      this.#collectedLength = 0;
    } catch (failure) {
      this.#fail(fromFailure(failure, this.#method));
    }
  }

  /** Sends what waits, as credit comes. */
  async #serveWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#flush();
      try {
        await this.#sender.ready(this.#waiting[0]?.length ?? 0);
      } catch (failure) {
        this.#fail(fromFailure(failure, this.#method));
      }
      this.onConsumed?.();
      this.#takeWaiting();
    }
    this.#serving = undefined;
  }

  /** Takes all that waits and is affordable. Removed at once: to shift a long array again and again takes for ever. */
  #takeWaiting(): void {
    let taken = 0;
    for (; taken < this.#waiting.length && this.#affords(this.#waiting[taken]!.length); taken++) {
      const { record, length, resolve } = this.#waiting[taken]!;
      this.#collected.raw(record);
      this.#take(length);
      resolve();
    }
    this.#waiting.splice(0, taken);
  }

  #fail(reason: unknown): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#reason = reason;
    this.#collected.truncate(0);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #ended(): unknown {
    return this.#reason ?? new RoamError("closed", "the channel is closed", { method: this.#method });
  }
}
