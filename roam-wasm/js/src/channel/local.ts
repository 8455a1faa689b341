import { RoamError } from "../errors.js";
import { type ChannelSink, type ChannelSource, END, MAX_CHUNK, SENT } from "./endpoint.js";
import { Rx } from "./rx.js";
import { Tx } from "./tx.js";

/** How many values a local channel holds before `send` waits. */
const CAPACITY = 64;

interface Sending {
  readonly value: unknown;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface Receiving {
  readonly resolve: (result: IteratorResult<unknown, undefined> | Promise<IteratorResult<unknown, undefined>>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A channel with both halves here. It becomes a remote channel when one half is sent to a peer;
 * the values it holds are then passed on to the half that stays.
 */
export class LocalChannel implements ChannelSink, ChannelSource {
  readonly tx = new Tx<unknown>(this);
  readonly rx = new Rx<unknown>(this);
  readonly chunkLength = MAX_CHUNK;
  readonly #values: unknown[] = [];
  readonly #sending: Sending[] = [];
  readonly #receiving: Receiving[] = [];
  /** `remote`: one half was sent to a peer. */
  #state: "open" | "closed" | "reset" | "remote" = "open";
  #reason: unknown;

  /** Returns whether a half can still be sent to a peer; a closed channel still delivers what was sent. */
  canSend(half: "tx" | "rx"): boolean {
    return this.#state === "open" || (this.#state === "closed" && half === "rx");
  }

  get ended(): boolean {
    return this.#state !== "open";
  }

  send(value: unknown): Promise<void> {
    if (this.#state !== "open") return Promise.reject(this.#endReason());
    const receiving = this.#receiving.shift();
    if (receiving !== undefined) {
      receiving.resolve({ done: false, value });
      return SENT;
    }
    if (this.#values.length < CAPACITY) {
      this.#values.push(value);
      return SENT;
    }
    return new Promise((resolve, reject) => this.#sending.push({ value, resolve, reject }));
  }

  close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closed";
      for (const { resolve } of this.#receiving.splice(0)) resolve(END);
    }
    return this.#state === "closed" ? SENT : Promise.reject(this.#endReason());
  }

  abort(reason: unknown): void {
    if (this.#state === "reset" || this.#state === "remote") return;
    this.#state = "reset";
    this.#reason = reason;
    this.#values.length = 0;
    for (const { reject } of this.#sending.splice(0)) reject(this.#endReason());
    for (const { reject } of this.#receiving.splice(0)) reject(this.#endReason());
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#values.length > 0) {
      const value = this.#values.shift();
      const sending = this.#sending.shift();
      if (sending !== undefined) {
        this.#values.push(sending.value);
        sending.resolve();
      }
      return Promise.resolve({ done: false, value });
    }
    if (this.#state === "closed") return Promise.resolve(END);
    if (this.#state !== "open") return Promise.reject(this.#endReason());
    return new Promise((resolve, reject) => this.#receiving.push({ resolve, reject }));
  }

  cancel(): void {
    this.abort(new RoamError("reset", "the receiver was dropped"));
  }

  /** Passes the queued values on to `sink`, after the receiver was sent to a peer. */
  sendInto(sink: ChannelSink): void {
    const values = this.#values.splice(0);
    const sending = this.#sending.splice(0);
    // A value that `sink` rejects resets the channel; the next `send` reports it.
    const refused = (reason: unknown): void => sink.abort(reason);
    for (const value of values) sink.send(value).catch(refused);
    for (const { value, resolve, reject } of sending) sink.send(value).then(resolve, reject);
    if (this.#state === "closed") sink.close().catch(refused);
    this.#state = "remote";
  }

  /** Returns the queued values followed by those of `source`, after the sender was sent to a peer. */
  receiveFrom(source: ChannelSource): ChannelSource {
    this.#state = "remote";
    for (const { resolve } of this.#receiving.splice(0)) resolve(source.next());
    if (this.#values.length === 0) return source;
    return {
      next: () => (this.#values.length > 0 ? this.next() : source.next()),
      cancel: () => {
        this.#values.length = 0;
        source.cancel();
      },
    };
  }

  #endReason(): unknown {
    if (this.#state === "reset") return this.#reason;
    const reason = this.#state === "remote" ? "this half was sent to the peer" : "the channel is closed";
    return new RoamError("closed", reason);
  }
}

/** Makes a channel, as in Rust: send one half to a peer in a call and keep the other. */
export function channel<T>(): [tx: Tx<T>, rx: Rx<T>] {
  const { tx, rx } = new LocalChannel();
  return [tx as Tx<T>, rx as Rx<T>];
}
