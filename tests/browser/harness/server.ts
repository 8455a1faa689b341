import { type ConnectOptions, connect, type Link, type WebSocketClass } from "@roam-rpc/client";
import { WebSocket } from "ws";
import { Watch, type WatchClient } from "../gen/watch.js";
import { program, SITE } from "./environment.js";
import { Program } from "./program.js";

/** The class for links from Node, which has no built-in WebSocket before version 22. */
export const NodeSocket = WebSocket as unknown as WebSocketClass;

/** A test server, and a client of its `Watch` service. */
export class Server implements AsyncDisposable {
  /** The URL of its test page. */
  readonly url: string;
  readonly watch: WatchClient;
  readonly #program: Program;
  readonly #link: Link;

  private constructor(started: Program, url: string, link: Link) {
    this.#program = started;
    this.url = url;
    this.#link = link;
    this.watch = link.client(Watch);
  }

  /** Starts a server on a port, or on a free one. */
  static async start(port = 0): Promise<Server> {
    const [started, found] = await Program.start(program("ROAM_TEST_SERVER"), ["serve", SITE], (line) => line, port);
    const url = `http://127.0.0.1:${found}/`;
    return new Server(started, url, await Server.connect(url));
  }

  /** Opens a link from Node. */
  static connect(url: string, options: ConnectOptions = {}): Promise<Link> {
    return connect(new URL("rpc", url), { WebSocket: NodeSocket, ...options });
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Kills the server like a crash. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
    await this.kill();
  }
}
