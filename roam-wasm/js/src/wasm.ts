/**
 * The contract with the Rust side (`roam-wasm/src`): what wasm-bindgen's glue exports. It moves
 * bytes; what they mean is known only here.
 *
 * A `view` lies in wasm's memory: it is valid until the callback returns, or until wasm is called
 * again. Channel ends stand in payloads as 0; their halves travel beside, in the order of the payload.
 */
export interface Wasm {
  /** Takes over a connecting WebSocket and does the handshake. Rejects with a {@link Failure}. */
  open(socket: unknown, options: OpenOptions, events: LinkEvents): Promise<WasmLink>;
}

/** Bytes that come out of wasm. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** `undefined`: the default of roam-core. */
export interface OpenOptions {
  readonly maxPayloadSize: number | undefined;
  readonly initialChannelCredit: number | undefined;
  readonly channelWindow: number | undefined;
  readonly handshakeTimeoutMs: number | undefined;
}

/** What wasm tells us; called as methods. */
export interface LinkEvents {
  /** The answer to `call(id, …)`: a payload and metadata, both views. */
  response(id: number, payload: Bytes, metadata: Bytes, ends: Ends | undefined): void;
  /** There will be no answer to `call(id, …)`. */
  failed(id: number, failure: Failure): void;
  /** The peer calls a method that we serve; payload and metadata are views. */
  request(id: number, method: bigint, payload: Bytes, metadata: Bytes, ends: Ends | undefined): void;
  /** The peer cancelled request `id`, or the link is over. */
  cancelled(id: number): void;
  /** The link is over; once, after all else. */
  closed(info: CloseInfo): void;
}

/** How a link ended. */
export interface CloseInfo {
  /** Who or what ended it. */
  readonly kind: "local" | "goodbye" | "violation" | "transport" | "timeout";
  /** The reason that was given; may be empty. */
  readonly reason: string;
}

/** Which half of a channel we keep; the other one goes to the peer. */
export const KEEP_SENDER = 0;
export const KEEP_RECEIVER = 1;

export interface WasmLink {
  /** Sends a Request under an id that is not in use. `keep`: a byte for each channel end in the payload. */
  call(id: number, method: bigint, payload: Uint8Array, metadata: Uint8Array, keep: Uint8Array): Ends | undefined;
  /** Sends Cancel; no event for `id` follows. */
  cancel(id: number): void;
  /** Adds methods that we serve. */
  serve(methods: BigUint64Array): void;
  /** Answers request `id`. When it throws, another answer can be given. */
  respond(id: number, payload: Uint8Array, metadata: Uint8Array, keep: Uint8Array): Ends | undefined;
  /** The longest element of a channel, in bytes. */
  largestElement(): number;
  stats(): LinkStats;
  /** What is in flight, as rows that `diagnostics.ts` reads. */
  diagnostics(): BigUint64Array;
  close(reason: string): void;
}

/** Figures of a link. */
export interface LinkStats {
  /** Bytes of frames received and sent. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Calls in flight that we made, and that the peer made. */
  readonly callsOut: number;
  readonly callsIn: number;
  /** Open channels. */
  readonly channels: number;
  /** Bytes that our sending ends may send now, all together. */
  readonly credit: number;
  /** Bytes that wait for the network. */
  readonly queuedBytes: number;
}

/** Halves of channels; each is taken once. */
export interface Ends {
  readonly length: number;
  sender(index: number): Sender;
  receiver(index: number): Receiver;
  /** Drops what was not taken. */
  free(): void;
}

export interface Sender {
  /** Bytes that may be sent now. */
  credit(): number;
  /** Sends records (see `Writer.beginRecord`), together within the credit. */
  send(records: Uint8Array): void;
  /** Resolves when `credit()` is at least `bytes`; rejects when the channel is over. */
  ready(bytes: number): Promise<void>;
  /** Bytes of elements that the peer has consumed. */
  consumed(): number;
  close(): void;
  reset(): void;
}

export interface Receiver {
  /**
   * All that has arrived, as records, in a buffer of its own. Empty: nothing now; `undefined`: the
   * clean end. Throws when the channel was cut.
   */
  take(): Bytes | undefined;
  /** Resolves when `take()` has something to say. */
  ready(): Promise<void>;
  /** The application has consumed so many bytes of elements. */
  consumed(bytes: number): void;
  reset(): void;
}

/** What wasm throws. */
export interface Failure {
  readonly kind: "closed" | "connect" | "too-large" | "metadata" | "reset" | "busy" | "protocol";
  readonly message: string;
  readonly reason?: string;
  /** With `closed`: how the link ended. */
  readonly cause?: CloseInfo["kind"];
}
