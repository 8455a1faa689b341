import { type ChannelSink, SENT } from "./endpoint.js";
import { sendChunked } from "./tx.js";

type Result = IteratorResult<unknown, unknown>;

/** What a pipe reads from. */
interface Source {
  next(): Result | PromiseLike<Result>;
  /** Releases the source; called when no more values are needed. */
  stop(): unknown;
}

/** Returns whether a value can be streamed. Strings are iterable too, but nobody means to stream their characters. */
export function isStreamable(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return "getReader" in value || Symbol.asyncIterator in value || Symbol.iterator in value || value instanceof Blob;
}

/** Streams all values of a source into a channel, as fast as the channel accepts them. */
export class Pipe {
  readonly #source: Source;
  readonly #sink: ChannelSink;
  #stopped = false;

  constructor(values: object, sink: ChannelSink) {
    this.#source = sourceOf(values, sink);
    this.#sink = sink;
  }

  /** Resolves when everything was sent or the receiver stopped reading; rejects when the source fails. */
  async run(): Promise<void> {
    try {
      await this.#sendAll();
      await this.#sink.close();
    } catch (error) {
      this.stop();
      // When the receiver stopped reading, the call's response says why.
      if (!this.#sink.ended) throw error;
    }
  }

  /** Stops reading and releases the source. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    void (async () => this.#source.stop())().catch(() => undefined);
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const next = this.#source.next();
      // Do not await values that are available synchronously: that would cost a promise each.
      const { done, value } = "then" in next ? await next : next;
      if (done) return;
      const sent = sendChunked(this.#sink, value);
      if (sent !== SENT) await sent;
    }
  }
}

function sourceOf(values: object, sink: ChannelSink): Source {
  if (values instanceof Blob) return fromStream(values.stream());
  if ("getReader" in values) return fromStream(values as ReadableStream<unknown>);
  // For a byte stream a Uint8Array is a chunk of bytes, not a list of numbers.
  if (values instanceof Uint8Array && sink.chunkLength !== undefined) return fromIterator([values][Symbol.iterator]());
  if (Symbol.asyncIterator in values) return fromIterator((values as AsyncIterable<unknown>)[Symbol.asyncIterator]());
  return fromIterator((values as Iterable<unknown>)[Symbol.iterator]());
}

function fromIterator(iterator: Iterator<unknown> | AsyncIterator<unknown>): Source {
  return { next: () => iterator.next(), stop: () => iterator.return?.() };
}

function fromStream(stream: ReadableStream<unknown>): Source {
  const reader = stream.getReader();
  return { next: () => reader.read() as Promise<Result>, stop: () => reader.cancel() };
}
