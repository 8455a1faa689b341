import { fromFailure, RoamError } from "../errors.js";
import { loadWasm, type WasmSource } from "../load.js";
import { type Link, openLink } from "./link.js";

/** Options of a connection. */
export interface ConnectOptions {
  /** Sent with every call as metadata `authorization: Bearer …`; a function is asked once, before connecting. */
  readonly token?: string | (() => string | PromiseLike<string>) | undefined;
  /** Gives up connecting when it aborts; it has no effect on the link afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** The longest payload in bytes that we accept and send; the smaller one of both sides counts. */
  readonly maxPayloadSize?: number | undefined;
  /** The window with which a channel begins, in bytes; the smaller one of both sides counts. */
  readonly initialChannelCredit?: number | undefined;
  /** What the window of a channel that the page reads fast may grow to, in bytes; 4 MiB if not given. */
  readonly channelWindow?: number | undefined;
  /** How long the handshake may take; 5 s if not given. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** `false` offers no WebSocket subprotocols, for a server that knows none of ours and refuses them. */
  readonly subprotocols?: boolean | undefined;
  /** The class to make the socket of, where there is no global one (Node before version 22: the package `ws`). */
  readonly WebSocket?: WebSocketClass | undefined;
  /** Where `roam_wasm_bg.wasm` is, if it does not lie beside the package. Counts once in a page. */
  readonly wasm?: WasmSource | undefined;
}

/** A class like the browser's `WebSocket`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike;

/** What is used of a WebSocket. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** The most preferred one first. */
const SUBPROTOCOLS = ["roam.v2.packed", "roam.v2"];

/**
 * Connects to a server.
 *
 * The URL has the scheme `ws`, `wss`, `http` or `https`; in a page it may be relative.
 * Rejects with `invalid-argument` when it is malformed, with `connect` when no link comes about.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Link> {
  const address = socketUrl(url);
  const { signal, maxPayloadSize, initialChannelCredit, channelWindow, handshakeTimeoutMs } = options;
  const settings = { maxPayloadSize, initialChannelCredit, channelWindow, handshakeTimeoutMs };
  signal?.throwIfAborted();
  const token = typeof options.token === "function" ? options.token() : options.token;
  const [wasm, bearer] = await Promise.all([loadWasm(options.wasm), token]);
  signal?.throwIfAborted();

  const socket = openSocket(address, options);
  const giveUp = (): void => socket.close();
  signal?.addEventListener("abort", giveUp);
  try {
    const metadata = bearer === undefined ? [] : [["authorization", `Bearer ${bearer}`] as const];
    return await openLink((events) => wasm.open(socket, settings, events), metadata);
  } catch (failure) {
    throw signal?.aborted ? signal.reason : fromFailure(failure);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The address of a socket: relative ones against the page. */
function socketUrl(url: string | URL): string {
  let address: URL;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new RoamError("invalid-argument", `url: ${JSON.stringify(String(url))} is not a URL`, { cause });
  }
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[address.protocol];
  if (scheme === undefined)
    throw new RoamError("invalid-argument", `url: ${address.protocol} is not one of ws:, wss:, http:, https:`);
  // A socket's address has no fragment; some browsers refuse it.
  address.hash = "";
  address.protocol = scheme;
  return address.href;
}

function openSocket(address: string, { WebSocket: given, subprotocols }: ConnectOptions): WebSocketLike {
  const WebSocket: WebSocketClass | undefined = given ?? globalThis.WebSocket;
  if (WebSocket === undefined)
    throw new RoamError("connect", "there is no WebSocket here: give a class in the option WebSocket");
  try {
    const socket = new WebSocket(address, subprotocols === false ? [] : SUBPROTOCOLS);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    throw new RoamError("connect", String(cause), { cause });
  }
}
