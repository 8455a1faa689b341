import type { Service } from "../description.js";
import { fromFailure, RoamError } from "../errors.js";
import { loadWasm, type WasmSource } from "../load.js";
import type { WasmLink } from "../wasm.js";
import { type Link, openLink } from "./link.js";
import { encodeMetadata, type Entry, type Said } from "./metadata.js";
import { Services } from "./services.js";
import { Sockets } from "./sockets.js";

/** Pairs of a service and a handler for it. */
export type ServiceHandlers<Handlers extends readonly object[]> = {
  readonly [I in keyof Handlers]: readonly [service: Service<unknown, Handlers[I]>, handler: NoInfer<Handlers[I]>];
};

/** Options of `connect`. */
export interface ConnectOptions<Handlers extends readonly object[] = readonly object[]> {
  /** What to serve from the start, so that no call by the server comes too early; as with `link.serve`. */
  readonly serve?: ServiceHandlers<Handlers> | undefined;
  /**
   * Sent with every call as metadata `authorization: Bearer …`, and with each socket that the link uses. A function is
   * called before each socket, and when the server asks for a new token; calls send what it returned last. If it fails
   * when the server asks, the server ends the link in its own time, with code 4401.
   */
  readonly token?: string | (() => string | PromiseLike<string>) | undefined;
  /** Aborts connecting; has no effect on the link afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** The longest payload that we accept and send, in bytes; the smaller value of the two peers applies. */
  readonly maxPayloadSize?: number | undefined;
  /** The initial window of a channel, in bytes; the smaller value of the two peers applies. */
  readonly initialChannelCredit?: number | undefined;
  /** The largest window of a channel that the page reads fast, in bytes; default: 4 MiB. */
  readonly channelWindow?: number | undefined;
  /** How long the handshake may take; default: 5 s. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** `false` offers no WebSocket subprotocols, for a server that rejects unknown ones. */
  readonly subprotocols?: boolean | undefined;
  /** The WebSocket class, where there is no global one (in Node before version 22, use the package `ws`). */
  readonly WebSocket?: WebSocketClass | undefined;
  /** The source of `roam_wasm_bg.wasm`, if not next to the package. Ignored once it is loaded. */
  readonly wasm?: WasmSource | undefined;
}

/** A class like the browser's `WebSocket`. */
export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike;

/** The part of a WebSocket that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** The subprotocols to offer, in order of preference. */
const SUBPROTOCOLS = ["roam.v2.link", "roam.v2.packed", "roam.v2"];

/**
 * Connects to a server.
 *
 * The URL has the scheme `ws`, `wss`, `http` or `https`; in a page it may be relative.
 * Rejects with `invalid-argument` if it is malformed, with `connect` if no link can be established.
 *
 * ```ts
 * const link = await connect("/rpc", { serve: [[Notifier, { notify: (text) => show(text) }]] });
 * ```
 */
export async function connect<const Handlers extends readonly object[]>(
  url: string | URL,
  options: ConnectOptions<Handlers> = {},
): Promise<Link> {
  const services = new Services();
  for (const [service, handler] of options.serve ?? [])
    services.serve(service, handler as Readonly<Record<string, unknown>>);
  const address = socketUrl(url);
  const { signal, maxPayloadSize, initialChannelCredit, channelWindow, handshakeTimeoutMs } = options;
  signal?.throwIfAborted();
  const said: Said = { entries: [], encoded: undefined };
  const tell = async (): Promise<Uint8Array | undefined> => {
    said.entries = await authorization(options.token);
    return (said.encoded = encodeMetadata(said.entries));
  };
  const [wasm, metadata] = await Promise.all([loadWasm(options.wasm), tell()]);
  signal?.throwIfAborted();

  const settings = { maxPayloadSize, initialChannelCredit, channelWindow, handshakeTimeoutMs, metadata };
  const open = (): WebSocketLike => openSocket(address, options);
  const socket = open();
  const giveUp = (): void => socket.close();
  signal?.addEventListener("abort", giveUp);
  try {
    const sockets = (link: WasmLink): Sockets => new Sockets(link, open, tell, handshakeTimeoutMs);
    return await openLink((events) => wasm.open(socket, settings, events), said, services, sockets);
  } catch (failure) {
    throw signal?.aborted ? signal.reason : fromFailure(failure);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Returns the metadata that says who we are. */
async function authorization(token: ConnectOptions["token"]): Promise<Entry[]> {
  const bearer = await (typeof token === "function" ? token() : token);
  return bearer === undefined ? [] : [["authorization", `Bearer ${bearer}`]];
}

/** Returns the WebSocket URL for `url`, which is resolved against the page's. */
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
  // Some browsers reject a WebSocket URL with a fragment.
  address.hash = "";
  address.protocol = scheme;
  return address.href;
}

function openSocket(
  address: string,
  { WebSocket: given, subprotocols }: Pick<ConnectOptions, "WebSocket" | "subprotocols">,
): WebSocketLike {
  const WebSocket: WebSocketClass | undefined = given ?? globalThis.WebSocket;
  if (WebSocket === undefined)
    throw new RoamError("connect", "no global WebSocket: pass a class as the option WebSocket");
  try {
    const socket = new WebSocket(address, subprotocols === false ? [] : SUBPROTOCOLS);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    throw new RoamError("connect", String(cause), { cause });
  }
}
