import { type Inlet, SENT } from "./port.js";
import { sendInPieces } from "./tx.js";

type Result = IteratorResult<unknown, unknown>;

/** What a pump reads from. */
interface Spring {
  next(): Result | PromiseLike<Result>;
  /** Nothing more is wanted. */
  stop(): unknown;
}

/** Whether something can be streamed. A string is iterable, but nobody means its characters. */
export function isSource(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return "getReader" in value || Symbol.asyncIterator in value || Symbol.iterator in value || value instanceof Blob;
}

/** Sends all that a source gives into a channel, as fast as it is taken there. */
export class Pump {
  readonly #spring: Spring;
  readonly #inlet: Inlet;
  #stopped = false;

  constructor(source: object, inlet: Inlet) {
    this.#spring = spring(source, inlet);
    this.#inlet = inlet;
  }

  /** Resolves when all is sent or nobody wants more; rejects when the source fails. */
  async run(): Promise<void> {
    try {
      await this.#pump();
      await this.#inlet.close();
    } catch (error) {
      this.stop();
      // When the other side wants no more, the call's answer tells why.
      if (!this.#inlet.over) throw error;
    }
  }

  /** Nobody wants more: lets go of the source. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    void (async () => this.#spring.stop())().catch(() => undefined);
  }

  async #pump(): Promise<void> {
    for (;;) {
      const next = this.#spring.next();
      // What is there already costs no promise.
      const { done, value } = "then" in next ? await next : next;
      if (done) return;
      const sent = sendInPieces(this.#inlet, value);
      if (sent !== SENT) await sent;
    }
  }
}

function spring(source: object, inlet: Inlet): Spring {
  if (source instanceof Blob) return fromStream(source.stream());
  if ("getReader" in source) return fromStream(source as ReadableStream<unknown>);
  // Bytes for a byte stream are the stream, not its numbers.
  if (source instanceof Uint8Array && inlet.pieceLength !== undefined) return fromIterator([source][Symbol.iterator]());
  if (Symbol.asyncIterator in source) return fromIterator((source as AsyncIterable<unknown>)[Symbol.asyncIterator]());
  return fromIterator((source as Iterable<unknown>)[Symbol.iterator]());
}

function fromIterator(iterator: Iterator<unknown> | AsyncIterator<unknown>): Spring {
  return { next: () => iterator.next(), stop: () => iterator.return?.() };
}

function fromStream(stream: ReadableStream<unknown>): Spring {
  const reader = stream.getReader();
  return { next: () => reader.read() as Promise<Result>, stop: () => reader.cancel() };
}
