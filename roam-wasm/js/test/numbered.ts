// A server of links that survive their sockets, which a test scripts frame by frame (see docs/extensions.md).
import { once } from "node:events";
import type { TestContext } from "node:test";

import { WebSocket, type WebSocketServer } from "ws";

import { listen, urlOf } from "./peer.js";

const SECRET = "02".repeat(16);
/** Data 1 with a Hello of 1 MiB and 64 KiB. */
const HELLO = "000100" + "08" + "0001808040808004";
/** 15 s, 30 s and 2 minutes; then settings: 1 MiB of everything, and 16 calls. */
const SETTINGS = "9875b0ea01c0a907" + "05" + "00808040" + "0110" + "02808040" + "03808040" + "04808040";

/** One socket of a client. Frames are in hex. */
export class Socket {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #wake: () => void = () => undefined;
  /** The close frame of the client. */
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.#frames.push(data.toString("hex"));
      this.#wake();
    });
    this.closed = once(socket, "close").then(([code, reason]) => {
      this.#wake();
      return { code: code as number, reason: String(reason) };
    });
  }

  send(hex: string): void {
    this.#socket.send(Buffer.from(hex, "hex"));
  }

  /** Returns the next frame of this kind; drops those before it. */
  async next(kind: string): Promise<string> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame?.startsWith(kind) === true) return frame;
      if (frame === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Answers the Attach of a new link, and the Hello. */
  async accept(): Promise<void> {
    await this.next("04");
    this.send(`05026162${SECRET}0000${SETTINGS}`);
    this.send(HELLO);
  }

  /** Answers an Attach to go on with the link, of which `received` frames came. */
  async resume(attempt: number, received = "01"): Promise<string> {
    const attach = await this.next("04");
    this.send(`05026162${SECRET}0${attempt}${received}${SETTINGS}`);
    return attach;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  cut(): void {
    this.#socket.terminate();
  }
}

/** Returns the URL of a server, and a function that waits for its next socket. */
export async function numbered(t: TestContext): Promise<[url: string, next: () => Promise<Socket>]> {
  const server: WebSocketServer = await listen("roam.v2.link");
  const sockets: Socket[] = [];
  let wake = (): void => undefined;
  server.on("connection", (socket) => {
    sockets.push(new Socket(socket));
    wake();
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const next = async (): Promise<Socket> => {
    for (;;) {
      const socket = sockets.shift();
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return [urlOf(server), next];
}
