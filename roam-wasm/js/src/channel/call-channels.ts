import type { Codec } from "../codec/codec.js";
import { report } from "../errors.js";
import type { Receiver, Sender } from "../wasm.js";
import type { Inlet } from "./port.js";
import { Pump } from "./pump.js";
import { RemoteInlet } from "./remote-inlet.js";
import { RemoteOutlet } from "./remote-outlet.js";

/** The channels of one call: they share its fate. */
export class CallChannels {
  readonly #method: string;
  readonly #largest: number;
  readonly #inlets: RemoteInlet[] = [];
  readonly #outlets: RemoteOutlet[] = [];
  readonly #pumps: Pump[] = [];
  /** A source that we stream from has failed. */
  onSourceError: ((error: unknown) => void) | undefined;
  /** See `CallOptions.onProgress`. */
  onProgress: ((bytes: number) => void) | undefined;
  #progress = 0;

  /** `largest`: the longest element of the link's channels. */
  constructor(method: string, largest: number) {
    this.#method = method;
    this.#largest = largest;
  }

  /** A sending end of the call. */
  inlet(sender: Sender, element: Codec): RemoteInlet {
    const inlet = new RemoteInlet(sender, element, this.#method, this.#largest);
    if (this.onProgress !== undefined) inlet.onConsumed = () => this.#report((stream) => stream.progress);
    this.#inlets.push(inlet);
    return inlet;
  }

  /** A receiving end of the call. */
  outlet(receiver: Receiver, element: Codec): RemoteOutlet {
    const outlet = new RemoteOutlet(receiver, element, this.#method);
    this.#outlets.push(outlet);
    return outlet;
  }

  /** Streams from `source` into `inlet`. */
  pump(source: object, inlet: Inlet): void {
    const failed = (error: unknown): void => {
      this.onSourceError?.(error);
      inlet.abort(error);
    };
    let pump: Pump;
    try {
      pump = new Pump(source, inlet);
    } catch (error) {
      // For example a ReadableStream that somebody else reads.
      return failed(error);
    }
    this.#pumps.push(pump);
    pump.run().catch(failed);
    if (inlet instanceof RemoteInlet) void inlet.ended().then(() => pump.stop());
  }

  /** The call was answered: what was streamed has been consumed. */
  succeeded(): void {
    if (this.onProgress !== undefined && this.#inlets.length > 0) this.#report((stream) => stream.total);
  }

  /** The call failed there: its channels are over; what has arrived can still be read. */
  failed(error: unknown): void {
    for (const inlet of this.#inlets) inlet.abort(error);
    for (const outlet of this.#outlets) outlet.cutReason = error;
    this.#stopPumps();
  }

  /** The call was given up here. */
  abandoned(reason: unknown): void {
    for (const inlet of this.#inlets) inlet.abort(reason);
    for (const outlet of this.#outlets) outlet.abort(reason);
    this.#stopPumps();
  }

  /** The handler that was given these ends is done: what it has sent is all. */
  async handled(): Promise<void> {
    for (const outlet of this.#outlets) outlet.cancel();
    await Promise.all(this.#inlets.map((inlet) => inlet.close()));
  }

  #stopPumps(): void {
    for (const pump of this.#pumps) pump.stop();
  }

  #report(bytes: (stream: RemoteInlet) => number): void {
    const sum = this.#inlets.reduce((total, inlet) => total + bytes(inlet), 0);
    if (sum <= this.#progress) return;
    this.#progress = sum;
    try {
      this.onProgress?.(sum);
    } catch (error) {
      // The call itself is not concerned.
      report(error);
    }
  }
}
