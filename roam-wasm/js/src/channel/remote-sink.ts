import type { Codec } from "../codec/codec.js";
import { ValueError } from "../codec/error.js";
import { primitives } from "../codec/primitives.js";
import { Writer } from "../codec/writer.js";
import { fromFailure, RoamError, tooLarge } from "../errors.js";
import type { Sender } from "../wasm.js";
import { type ChannelSink, MAX_CHUNK, type RemoteEnd, SENT } from "./endpoint.js";

/** A batch of this many bytes is handed to wasm at once. */
const BATCH_BYTES = 16 * 1024;
/** A smaller batch is handed to wasm after this many microtasks without a `send`. */
const MAX_IDLE_TICKS = 4;
/** The most bytes that the length of a byte vector takes. */
const LENGTH_PREFIX = 5;

interface Waiting {
  readonly record: Uint8Array;
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The sender of a channel to the peer.
 *
 * Elements are encoded at once and batched: a loop of `await tx.send(…)` costs one crossing into
 * wasm, and one frame, for many elements. `send` does not wait while it knows of enough credit.
 */
export class RemoteSink implements ChannelSink, RemoteEnd {
  readonly chunkLength: number | undefined;
  /** Called when the peer may have consumed more. */
  onConsumed: (() => void) | undefined;
  readonly #sender: Sender;
  readonly #codec: Codec;
  readonly #method: string;
  readonly #maxElement: number;
  /** Elements that have credit but were not handed to wasm yet, and the sum of their lengths. */
  readonly #batch = new Writer();
  #batchLength = 0;
  /** The length of all elements so far, and how much of it is not bytes of the stream. */
  #sent = 0;
  #overhead = 0;
  /** Known credit beyond the batch; the peer may have granted more since. */
  #credit = 0;
  /** Elements that wait for credit, in order. */
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #state: "open" | "closing" | "ended" = "open";
  #reason: unknown;
  #ticking = false;
  #idleTicks = 0;

  constructor(sender: Sender, codec: Codec, method: string, maxElement: number) {
    this.#sender = sender;
    this.#codec = codec;
    this.#method = method;
    this.#maxElement = maxElement;
    this.chunkLength =
      codec === primitives.bytes ? Math.max(1, Math.min(MAX_CHUNK, maxElement - LENGTH_PREFIX)) : undefined;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** The bytes accepted so far; for a byte stream, the bytes of the stream. */
  get total(): number {
    return this.#sent - this.#overhead;
  }

  /** The part of {@link total} that the peer has consumed. */
  get progress(): number {
    return this.#sent === 0 ? 0 : Math.floor((this.#sender.consumed() / this.#sent) * this.total);
  }

  /** Resolves when the channel has ended. */
  async whenEnded(): Promise<void> {
    // There is never this much credit, so `ready` settles only when the channel ends.
    await this.#sender.ready(2 ** 32 - 1).catch(() => undefined);
  }

  send(value: unknown): Promise<void> {
    if (this.#state !== "open") return Promise.reject(this.#endReason());
    const batch = this.#batch;
    const before = batch.length;
    let length: number;
    try {
      length = this.#encode(value);
    } catch (error) {
      batch.truncate(before);
      return Promise.reject(error);
    }
    this.#sent += length;
    if (this.chunkLength !== undefined) this.#overhead += length - (value as Uint8Array).length;
    if (this.#waiting.length === 0 && this.#hasCredit(length)) {
      this.#accept(length);
      return SENT;
    }
    const record = batch.written().slice(before);
    batch.truncate(before);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, length, resolve, reject });
      this.#draining ??= this.#drainWaiting();
    });
  }

  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      await this.#draining;
      this.#flush();
      if (this.#state === "closing") this.#close();
    }
    if (this.#reason !== undefined) throw this.#reason;
  }

  abort(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#fail(reason);
    this.#sender.reset();
  }

  async lost(): Promise<void> {
    // Somebody may still wait for what was sent.
    await this.#draining;
    if (this.#state === "open") this.abort(new RoamError("reset", "the sender was lost", { method: this.#method }));
  }

  #close(): void {
    try {
      this.#sender.close();
      this.#state = "ended";
    } catch (failure) {
      this.#fail(fromFailure(failure, this.#method));
    }
  }

  /** Appends the value to the batch as a record and returns the length of the element. */
  #encode(value: unknown): number {
    const start = this.#batch.beginRecord();
    try {
      this.#codec.encode(this.#batch, value);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new RoamError("invalid-argument", `element: ${error.message}`, { method: this.#method });
    }
    const length = this.#batch.endRecord(start);
    if (length <= this.#maxElement) return length;
    const setting = "maxPayloadSize and, with a server that only knows version 2, half of initialChannelCredit";
    throw tooLarge("an element", length, this.#maxElement, setting, this.#method);
  }

  #hasCredit(length: number): boolean {
    if (length > this.#credit) this.#credit = this.#sender.credit(length + this.#batchLength) - this.#batchLength;
    return length <= this.#credit;
  }

  /** Spends credit on the last element of the batch, and schedules the batch. */
  #accept(length: number): void {
    this.#credit -= length;
    this.#batchLength += length;
    if (this.#batch.length >= BATCH_BYTES) return this.#flush();
    this.#idleTicks = 0;
    if (!this.#ticking) {
      this.#ticking = true;
      queueMicrotask(this.#tick);
    }
  }

  readonly #tick = (): void => {
    if (this.#batch.length > 0 && ++this.#idleTicks < MAX_IDLE_TICKS) return queueMicrotask(this.#tick);
    this.#ticking = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#batch.length === 0) return;
    try {
      this.#sender.send(this.#batch.written());
      this.#batch.truncate(0);
      this.#batchLength = 0;
    } catch (failure) {
      this.#fail(fromFailure(failure, this.#method));
    }
  }

  /** Sends waiting elements as credit arrives. */
  async #drainWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#flush();
      try {
        await this.#sender.ready(this.#waiting[0]?.length ?? 0);
      } catch (failure) {
        this.#fail(fromFailure(failure, this.#method));
      }
      this.onConsumed?.();
      this.#acceptWaiting();
    }
    this.#draining = undefined;
  }

  /** Accepts the waiting elements that have credit. Removes them together, as shifting a long array is slow. */
  #acceptWaiting(): void {
    let accepted = 0;
    for (; accepted < this.#waiting.length && this.#hasCredit(this.#waiting[accepted]!.length); accepted++) {
      const { record, length, resolve } = this.#waiting[accepted]!;
      this.#batch.raw(record);
      this.#accept(length);
      resolve();
    }
    this.#waiting.splice(0, accepted);
  }

  #fail(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#reason = reason;
    this.#batch.truncate(0);
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #endReason(): unknown {
    return this.#reason ?? new RoamError("closed", "the channel is closed", { method: this.#method });
  }
}
