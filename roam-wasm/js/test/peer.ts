// A peer that a test scripts message by message (see docs/protocol.md), to test TypeScript and wasm
// on the wire.
import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { WebSocket, WebSocketServer } from "ws";

import type { Shape } from "../src/description.js";
import { connect, type ConnectOptions } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { codecOf, decode, encode } from "./support.js";

const METADATA: Shape = [
  "list",
  [
    "tuple",
    "string",
    {
      variants: [
        { tag: "String", value: "string" },
        { tag: "Bytes", value: "bytes" },
        { tag: "U64", value: "u64" },
      ],
    },
  ],
];
const HELLO: Shape = {
  fields: [
    ["maxPayload", "u32"],
    ["credit", "u32"],
  ],
};
const conn = ["conn", "u64"] as const;
const id = ["id", "u64"] as const;
const channel = ["channel", "u64"] as const;
const metadata = ["metadata", METADATA] as const;
const channels = ["channels", ["list", "u64"]] as const;
const payload = ["payload", "bytes"] as const;

const MESSAGE = codecOf({
  variants: [
    {
      tag: "Hello",
      value: {
        variants: [
          { tag: "V1", value: HELLO },
          { tag: "V2", value: HELLO },
        ],
      },
    },
    { tag: "Connect", fields: [id, metadata] },
    { tag: "Accept", fields: [id, conn, metadata] },
    { tag: "Reject", fields: [id, ["reason", "string"], metadata] },
    { tag: "Goodbye", fields: [conn, ["reason", "string"]] },
    { tag: "Request", fields: [conn, id, ["method", "u64"], metadata, channels, payload] },
    { tag: "Response", fields: [conn, id, metadata, channels, payload] },
    { tag: "Cancel", fields: [conn, id] },
    { tag: "Data", fields: [conn, channel, payload] },
    { tag: "Close", fields: [conn, channel] },
    { tag: "Reset", fields: [conn, channel] },
    { tag: "Credit", fields: [conn, channel, ["bytes", "u32"]] },
  ],
});

/** The fields of a message that tests look at. */
export interface Message {
  tag: string;
  conn?: bigint;
  id?: bigint;
  method?: bigint;
  channel?: bigint;
  channels?: bigint[];
  payload?: Uint8Array;
  metadata?: unknown[];
  reason?: string;
  bytes?: number;
  value?: unknown;
}

/** A message to send. */
export type Sent = Omit<Message, "payload"> & { payload?: readonly number[] };

/** The peer's Hello, and what it sends right after it. */
export interface Opening {
  maxPayload?: number;
  credit?: number;
  early?: readonly Sent[];
}

export class Peer {
  readonly #server: WebSocketServer;
  readonly #socket: WebSocket;
  readonly #arrived: Message[] = [];
  readonly #waiting: ((message: Message) => void)[] = [];

  private constructor(server: WebSocketServer, socket: WebSocket) {
    this.#server = server;
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const message = decode(MESSAGE, new Uint8Array(data)) as Message;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(message);
      else waiting(message);
    });
  }

  /** Returns a link and its peer, after the handshake. */
  static async connect<const Handlers extends readonly object[]>(
    options: ConnectOptions<Handlers> = {},
    { maxPayload = 1024, credit = 64, early = [] }: Opening = {},
  ): Promise<[Link, Peer]> {
    const server = await listen();
    const accepted = once(server, "connection") as Promise<[WebSocket]>;
    const linked = connect(urlOf(server), { WebSocket, ...options });
    const [socket] = await accepted;
    const peer = new Peer(server, socket);
    peer.send({ tag: "Hello", value: { tag: "V2", value: { maxPayload, credit } } });
    for (const message of early) peer.send(message);
    await peer.expect("Hello");
    return [await linked, peer];
  }

  /** Returns the next message. */
  async expectAny(): Promise<Message> {
    return this.#arrived.shift() ?? (await new Promise<Message>((resolve) => this.#waiting.push(resolve)));
  }

  /** Returns the next message, which must be of this kind. */
  async expect(tag: string): Promise<Message> {
    const message = await this.expectAny();
    if (message.tag !== tag) throw new Error(`expected ${tag}, got ${message.tag}`);
    return message;
  }

  send(message: Sent): void {
    const { payload, ...rest } = message;
    this.#socket.send(
      encode(MESSAGE, { conn: 0n, metadata: [], channels: [], ...rest, payload: Uint8Array.from(payload ?? []) }),
    );
  }

  /** Sends any frame. */
  sendRaw(frame: string | Uint8Array): void {
    this.#socket.send(frame);
  }

  /** Loses the connection. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Closes the socket and the server. */
  end(): void {
    this.#socket.terminate();
    this.#server.close();
  }
}

/** Starts a server that accepts roam with one message per frame. */
export async function listen(protocol = "roam.v2"): Promise<WebSocketServer> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => protocol });
  await once(server, "listening");
  return server;
}

export function urlOf(server: WebSocketServer): string {
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
