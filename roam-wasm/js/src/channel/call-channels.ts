import type { Codec } from "../codec/codec.js";
import { report } from "../errors.js";
import type { Receiver, Sender } from "../wasm.js";
import type { ChannelSink } from "./endpoint.js";
import { Pipe } from "./pipe.js";
import { RemoteSink } from "./remote-sink.js";
import { RemoteSource } from "./remote-source.js";

/** The channels of one call, which end when the call fails. */
export class CallChannels {
  readonly #method: string;
  readonly #maxElement: number;
  readonly #sinks: RemoteSink[] = [];
  readonly #sources: RemoteSource[] = [];
  readonly #pipes: Pipe[] = [];
  /** Called when a source that we stream from fails. */
  onSourceError: ((error: unknown) => void) | undefined;
  /** See `CallOptions.onProgress`. */
  onProgress: ((bytes: number) => void) | undefined;
  #progress = 0;

  /**
   * `maxElement`: the longest element of the link's channels, in bytes.
   * `ownsHalves`: the halves end with the call, also those that the page has lost.
   */
  constructor(
    method: string,
    maxElement: number,
    readonly ownsHalves = false,
  ) {
    this.#method = method;
    this.#maxElement = maxElement;
  }

  /** Adds a sender. */
  addSink(sender: Sender, element: Codec): RemoteSink {
    const sink = new RemoteSink(sender, element, this.#method, this.#maxElement);
    if (this.onProgress !== undefined) sink.onConsumed = () => this.#report((stream) => stream.progress);
    this.#sinks.push(sink);
    return sink;
  }

  /** Adds a receiver. */
  addSource(receiver: Receiver, element: Codec): RemoteSource {
    const source = new RemoteSource(receiver, element, this.#method);
    this.#sources.push(source);
    return source;
  }

  /** Streams `values` into `sink`. */
  pipeFrom(values: object, sink: ChannelSink): void {
    const failed = (error: unknown): void => {
      this.onSourceError?.(error);
      sink.abort(error);
    };
    let pipe: Pipe;
    try {
      pipe = new Pipe(values, sink);
    } catch (error) {
      // For example a ReadableStream that is locked to another reader.
      return failed(error);
    }
    this.#pipes.push(pipe);
    pipe.run().catch(failed);
    if (sink instanceof RemoteSink) void sink.whenEnded().then(() => pipe.stop());
  }

  /** Reports full progress: the call succeeded, so the peer has consumed what was streamed. */
  callSucceeded(): void {
    if (this.onProgress !== undefined && this.#sinks.length > 0) this.#report((stream) => stream.total);
  }

  /** Resets the channels of a call that failed at the peer; what has arrived can still be read. */
  callFailed(error: unknown): void {
    for (const sink of this.#sinks) sink.abort(error);
    for (const source of this.#sources) source.resetReason = error;
    this.#stopPipes();
  }

  /** Resets the channels of a call that was given up here; what has arrived is dropped. */
  abort(reason: unknown): void {
    for (const sink of this.#sinks) sink.abort(reason);
    for (const source of this.#sources) source.abort(reason);
    this.#stopPipes();
  }

  /** Ends the channels of a handler that has finished: closes its senders and drops its receivers. */
  async close(): Promise<void> {
    for (const source of this.#sources) source.cancel();
    // The peer may have reset some.
    await Promise.allSettled(this.#sinks.map((sink) => sink.close()));
  }

  #stopPipes(): void {
    for (const pipe of this.#pipes) pipe.stop();
  }

  #report(bytes: (stream: RemoteSink) => number): void {
    const sum = this.#sinks.reduce((total, sink) => total + bytes(sink), 0);
    if (sum <= this.#progress) return;
    this.#progress = sum;
    try {
      this.onProgress?.(sum);
    } catch (error) {
      // An error in the callback does not fail the call.
      report(error);
    }
  }
}
