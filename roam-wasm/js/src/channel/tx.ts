import "../dispose.js";
import { RoamError } from "../errors.js";
import type { Input } from "../types.js";
import type { LocalChannel } from "./local.js";
import { type Inlet, SENT } from "./port.js";

/**
 * The sending end of a channel.
 *
 * Close it when all is sent, or the other side waits for more; `await using` closes it too.
 */
export class Tx<T> implements AsyncDisposable {
  #inlet: Inlet;

  /** @internal */
  constructor(inlet: Inlet) {
    this.#inlet = inlet;
  }

  /**
   * Sends a value; resolves when there is room for it, which is the time to send the next one.
   * Rejects with `invalid-argument` or `too-large` when the value cannot be sent, and with what
   * ended the channel when it is over.
   */
  send(value: Input<T>): Promise<void> {
    return this.#inlet.send(value);
  }

  /** Ends the stream: the other side gets what was sent, and the end. */
  close(): Promise<void> {
    return this.#inlet.close();
  }

  /** Cuts the stream: the other side gets an error. */
  abort(reason?: unknown): void {
    this.#inlet.abort(reason ?? new RoamError("reset", "the channel was aborted here"));
  }

  /** This end as a Web Stream; backpressure is kept. Long byte arrays are cut into pieces of 16 KiB. */
  writable(): WritableStream<Input<T>> {
    return new WritableStream({
      write: (value) => sendInPieces(this.#inlet, value),
      close: () => this.close(),
      abort: (reason) => this.abort(reason),
    });
  }

  /** Closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  static inletOf(tx: Tx<unknown>): Inlet {
    return tx.#inlet;
  }

  /** The channel's other end was sent to a peer. @internal */
  static connect(tx: Tx<unknown>, local: LocalChannel, inlet: Inlet): void {
    tx.#inlet = inlet;
    local.sendInto(inlet);
  }
}

/** Sends a value, a long byte array piece by piece. */
export function sendInPieces(inlet: Inlet, value: unknown): Promise<void> {
  const size = inlet.pieceLength;
  if (size === undefined || !(value instanceof Uint8Array) || value.length <= size) return inlet.send(value);
  return sendPieces(inlet, value, size);
}

async function sendPieces(inlet: Inlet, value: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < value.length; at += size) {
    const sent = inlet.send(value.subarray(at, at + size));
    if (sent !== SENT) await sent;
  }
}
