/**
 * The exports of the Rust side (`roam-wasm/src`) as wasm-bindgen's glue provides them. They move
 * encoded values, which only TypeScript encodes and decodes. Outcomes of calls are encoded by Rust.
 *
 * A `view` points into wasm's memory: it is valid until the callback returns or wasm is called
 * again. Calls and requests have the ids that they have on the wire, which are unique within their
 * connection. The channel halves of a payload are passed separately, in payload order. A payload to send
 * holds a byte for each, which wasm replaces by the channel's id; ids in received payloads do not count.
 */
export interface Wasm {
  /** Takes over a connecting WebSocket and does the handshake. Resolves after `ready`; rejects with a {@link Failure}. */
  open(socket: unknown, options: OpenOptions, events: LinkEvents): Promise<void>;
}

/** Bytes received from wasm. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The settings of a link; `undefined` selects roam-core's default. */
export interface OpenOptions {
  readonly maxPayloadSize: number | undefined;
  readonly initialChannelCredit: number | undefined;
  readonly channelWindow: number | undefined;
  readonly handshakeTimeoutMs: number | undefined;
  /** What we say of ourselves on the first socket: encoded metadata. */
  readonly metadata: Uint8Array | undefined;
}

/** The callbacks of a link; wasm calls them as methods. */
export interface LinkEvents {
  /** The handshake is complete; called once, before all other events. */
  ready(link: WasmLink, maxPayload: number, maxElement: number, maxCalls: number, maxCallBytes: number): void;
  /** A call was answered. The body is a view. */
  response(connection: number, call: number, kind: OutcomeKind, body: Bytes, halves: Channels | undefined): void;
  /** A call failed and will not be answered. */
  failed(connection: number, call: number, failure: Failure): void;
  /** The peer calls a method. Payload and metadata are views; no metadata is no bytes. */
  request(
    connection: number,
    request: bigint,
    method: bigint,
    payload: Bytes,
    metadata: Bytes,
    halves: Channels | undefined,
  ): void;
  /** The peer cancelled its call. */
  cancelled(connection: number, request: bigint): void;
  /**
   * The socket is lost, and the link goes on with another that `attach` gives it. This many sockets in a row were lost
   * before they carried anything. The server may have told after how many milliseconds to come again.
   */
  cut(failures: number, afterMs?: number): void;
  /** The link goes on with another socket. */
  resumed(): void;
  /** The server advises to open another link, or another socket for this one, between so many milliseconds. */
  drain(anotherLink: boolean, minMs: number, maxMs: number): void;
  /** The server asks for a new token: `giveToken`. */
  tokenAsked(): void;
  /** The link has ended, and with it everything in flight; called once, after all other events. */
  closed(info: CloseInfo): void;
}

/** How a link ended. */
export interface CloseInfo {
  /** Who or what ended it. */
  readonly kind: "local" | "goodbye" | "violation" | "transport" | "timeout";
  /** The reason given; may be empty. */
  readonly reason: string;
  /**
   * The code with which either side ended or the server refused the link, if it gave one. If the socket was lost, that
   * of its close event: 1006 if the network failed, 1005 if the peer gave none.
   */
  readonly code?: number;
}

/**
 * The kind of a call's outcome, as in `outcome.rs`. The cast in `load.ts` compares the two; it could not compare a
 * `const enum`.
 */
export enum OutcomeKind {
  /** The body is the method's result. */
  Value,
  /** The body is the method's own error. */
  Error,
  // The body of a failure is the answer's metadata; the others have none.
  UnknownMethod,
  InvalidPayload,
  Cancelled,
  Panic,
  TooLarge,
  Busy,
  Deadline,
  Unavailable,
  NonceReused,
  NonceSpent,
  Unauthenticated,
  PermissionDenied,
  ResourceExhausted,
  FailedPrecondition,
  SignatureMismatch,
  /** The peer's answer has no outcome; not for {@link WasmLink.respond}. */
  Malformed,
}

/** The connection that every link has: the only one so far. */
export const ROOT = 0;

/** The code of a link that ends as it should. */
export const NORMAL = 1000;

/** The constants of a link, in bytes. */
export interface Agreed {
  /** The longest payload. */
  readonly maxPayload: number;
  /** The longest element of a channel. */
  readonly maxElement: number;
  /** How many calls without channels the server handles at once. */
  readonly maxCalls: number;
  /** How many bytes of calls the server holds at once. */
  readonly maxCallBytes: number;
}

/** The half of a channel that we keep; the other half goes to the peer. */
export const KEEP_SENDER = 0;
export const KEEP_RECEIVER = 1;

export interface WasmLink {
  /**
   * Sends a Request and returns its id. `channels` has two numbers for each channel in the payload, if there are
   * any: which half we keep, and the index of the byte that its id replaces.
   */
  call(
    connection: number,
    method: bigint,
    payload: Uint8Array,
    metadata: Uint8Array | undefined,
    channels: Uint32Array | undefined,
  ): number;
  /** Takes the kept halves of the last `call`. */
  kept(): Channels | undefined;
  /** Cancels a call. An event for it that is already on its way still comes. */
  cancel(connection: number, call: number): void;
  /**
   * Answers a request and returns the kept halves; `channels` as in {@link call}. If it throws, another answer can
   * be sent.
   */
  respond(
    connection: number,
    request: bigint,
    kind: OutcomeKind,
    body: Uint8Array,
    metadata: Uint8Array | undefined,
    channels: Uint32Array | undefined,
  ): Channels | undefined;
  stats(): LinkStats;
  /**
   * Goes on with the link on another socket: one that is connecting or open, after the event `cut`; or one that is open,
   * in place of the present one.
   */
  attach(socket: unknown, metadata: Uint8Array | undefined): void;
  /** Answers the event `tokenAsked`. */
  giveToken(metadata: Uint8Array | undefined): void;
  /** Asks the peer for a sign of life, since the network may have changed. */
  probe(): void;
  /** Returns everything in flight, as rows that `diagnostics.ts` reads. */
  diagnostics(): BigUint64Array;
  close(code: number, reason: string): void;
}

/** Statistics of a link. */
export interface LinkStats {
  /** Bytes of frames received and sent. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Frames that were sent again on another socket. */
  readonly framesResent: number;
  /** Our calls in flight, and the peer's. */
  readonly callsOut: number;
  readonly callsIn: number;
  /** Open channels. */
  readonly channels: number;
  /** Bytes that all our senders together may send now. */
  readonly credit: number;
  /** Bytes that wait for the network. */
  readonly queuedBytes: number;
}

/** Our halves of the channels in a payload; each can be taken once. */
export interface Channels {
  readonly length: number;
  sender(index: number): Sender;
  receiver(index: number): Receiver;
  /** Resets the channels of the halves that were not taken. */
  free(): void;
}

export interface Sender {
  /** Returns how many bytes may be sent now, in elements of which the first has `first`; one alone may be larger. */
  credit(first: number): number;
  /** Sends records (see `Writer.beginRecord`) whose elements together fit the credit. */
  send(records: Uint8Array): void;
  /** Resolves when an element of `bytes` may be sent; rejects when the channel has ended. */
  ready(bytes: number): Promise<void>;
  /** Returns how many bytes of elements the peer has consumed. */
  consumed(): number;
  /** Throws if the channel has already ended. */
  close(): void;
  reset(): void;
}

export interface Receiver {
  /**
   * Returns the elements that have arrived, as records in a buffer of their own: an empty one if
   * there are none now, `undefined` after the last of a closed channel. Throws when the channel was
   * reset or the link has ended.
   */
  take(): Bytes | undefined;
  /** Resolves when `take()` has elements or the channel has ended. */
  ready(): Promise<void>;
  /** Reports that the application has consumed `bytes` of elements. */
  consumed(bytes: number): void;
  reset(): void;
}

/** What wasm throws. */
export interface Failure {
  readonly kind: "closed" | "connect" | "too-large" | "metadata" | "reset" | "busy" | "protocol";
  readonly message: string;
  readonly reason?: string;
  /** How the link ended, if `kind` is `closed` or `connect`, and with which code. */
  readonly cause?: CloseInfo["kind"];
  readonly code?: number;
  /** When to try again, if the server said so. */
  readonly retryAfterMs?: number;
}
