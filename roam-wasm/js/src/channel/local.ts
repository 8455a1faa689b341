import { RoamError } from "../errors.js";
import { END, type Inlet, MAX_PIECE, type Outlet, SENT } from "./port.js";
import { Rx } from "./rx.js";
import { Tx } from "./tx.js";

/** How many values a channel holds that has not been sent to a peer. */
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
 * A channel both of whose ends are here. It becomes a remote one when one end is sent to a peer:
 * then what it holds goes on to the other port.
 */
export class LocalChannel implements Inlet, Outlet {
  readonly tx = new Tx<unknown>(this);
  readonly rx = new Rx<unknown>(this);
  readonly pieceLength = MAX_PIECE;
  readonly #values: unknown[] = [];
  readonly #sending: Sending[] = [];
  readonly #receiving: Receiving[] = [];
  #state: "open" | "closed" | "cut" | "sent" = "open";
  #reason: unknown;

  /** Whether an end of it can still be sent to a peer; a closed channel has still what was sent. */
  canSend(end: "tx" | "rx"): boolean {
    return this.#state === "open" || (this.#state === "closed" && end === "rx");
  }

  get over(): boolean {
    return this.#state !== "open";
  }

  send(value: unknown): Promise<void> {
    if (this.#state !== "open") return Promise.reject(this.#over());
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
    return SENT;
  }

  abort(reason: unknown): void {
    if (this.#state === "cut" || this.#state === "sent") return;
    this.#state = "cut";
    this.#reason = reason;
    this.#values.length = 0;
    for (const { reject } of this.#sending.splice(0)) reject(this.#over());
    for (const { reject } of this.#receiving.splice(0)) reject(this.#over());
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
    if (this.#state !== "open") return Promise.reject(this.#over());
    return new Promise((resolve, reject) => this.#receiving.push({ resolve, reject }));
  }

  cancel(): void {
    this.abort(new RoamError("reset", "the receiving end was dropped"));
  }

  /** The receiving end was sent to a peer: hands what was sent on to `inlet`. */
  sendInto(inlet: Inlet): void {
    const values = this.#values.splice(0);
    const sending = this.#sending.splice(0);
    // A value that `inlet` refuses ends the channel; whoever sends next is told.
    const refused = (reason: unknown): void => inlet.abort(reason);
    for (const value of values) inlet.send(value).catch(refused);
    for (const { value, resolve, reject } of sending) inlet.send(value).then(resolve, reject);
    if (this.#state === "closed") inlet.close().catch(refused);
    this.#state = "sent";
  }

  /** The sending end was sent to a peer: what was sent here first comes first, then what `outlet` has. */
  receiveFrom(outlet: Outlet): Outlet {
    this.#state = "sent";
    for (const { resolve } of this.#receiving.splice(0)) resolve(outlet.next());
    if (this.#values.length === 0) return outlet;
    return {
      next: () => (this.#values.length > 0 ? this.next() : outlet.next()),
      cancel: () => {
        this.#values.length = 0;
        outlet.cancel();
      },
    };
  }

  #over(): unknown {
    if (this.#state === "cut") return this.#reason;
    return new RoamError("closed", this.#state === "sent" ? "this end was sent to the peer" : "the channel is closed");
  }
}

/** Makes a channel, as in Rust: send one end to a peer in a call, keep the other one. */
export function channel<T>(): [tx: Tx<T>, rx: Rx<T>] {
  const { tx, rx } = new LocalChannel();
  return [tx as Tx<T>, rx as Rx<T>];
}
