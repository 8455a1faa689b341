import { asyncDispose } from "../dispose.js";
import { RoamError } from "../errors.js";
import type { Input } from "../types.js";
import { type ChannelSink, SENT, watchHalf } from "./endpoint.js";
import type { LocalChannel } from "./local.js";
import type { RemoteSink } from "./remote-sink.js";

/**
 * The sending half of a channel.
 *
 * Close it after the last value, or the receiver keeps waiting; `await using` closes it too.
 */
export class Tx<T> implements AsyncDisposable {
  #sink: ChannelSink;

  /** @internal */
  constructor(sink: ChannelSink) {
    this.#sink = sink;
  }

  /**
   * Sends a value; resolves when there is space for it, which is the time to send the next one.
   * Rejects with `invalid-argument` or `too-large` when the value cannot be sent, and with the
   * reason when the channel has ended.
   */
  send(value: Input<T>): Promise<void> {
    return this.#sink.send(value);
  }

  /**
   * Closes the channel: the receiver gets everything that was sent, then the end. Rejects with the reason when the
   * channel has already ended in another way.
   */
  close(): Promise<void> {
    return this.#sink.close();
  }

  /** Resets the channel: the receiver gets an error. */
  abort(reason?: unknown): void {
    this.#sink.abort(reason ?? new RoamError("reset", "the channel was aborted by its sender"));
  }

  /** Returns this half as a Web Stream; backpressure applies. Long byte arrays are split into chunks of 16 KiB. */
  writable(): WritableStream<Input<T>> {
    return new WritableStream({
      write: (value) => sendChunked(this.#sink, value),
      close: () => this.close(),
      abort: (reason) => this.abort(reason),
    });
  }

  /** Same as `close()`, but never rejects. */
  async [asyncDispose](): Promise<void> {
    await this.close().catch(() => undefined);
  }

  /** @internal */
  static sinkOf(tx: Tx<unknown>): ChannelSink {
    return tx.#sink;
  }

  /** Connects `tx` to the peer that its receiver was sent to. @internal */
  static connect(tx: Tx<unknown>, local: LocalChannel, sink: RemoteSink): void {
    watchHalf(tx, sink);
    tx.#sink = sink;
    local.sendInto(sink);
  }
}

/** Sends a value, splitting a long byte array into chunks. */
export function sendChunked(sink: ChannelSink, value: unknown): Promise<void> {
  const length = sink.chunkLength;
  if (length === undefined || !(value instanceof Uint8Array) || value.length <= length) return sink.send(value);
  return sendChunks(sink, value, length);
}

async function sendChunks(sink: ChannelSink, bytes: Uint8Array, length: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += length) {
    const sent = sink.send(bytes.subarray(at, at + length));
    if (sent !== SENT) await sent;
  }
}
