import { type CloseInfo, NORMAL, type WasmLink } from "../wasm.js";
import type { WebSocketLike } from "./connect.js";
import { LONGEST_TIMER_MS } from "./metadata.js";
import { StateStore } from "./state.js";

/** The longest wait before an attempt grows from the first of these to the last, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** As many failures as make the longest wait. */
const MANY = 10;
/** How long a socket may take to open by default, in milliseconds; as `Config::handshake_timeout`. */
const OPENING_MS = 5_000;
/** `WebSocket.CONNECTING`. */
const CONNECTING = 0;

/** The part of a page that tells of its network and its life; other programs have none of it. */
type Surroundings = Partial<Pick<typeof globalThis, "addEventListener" | "removeEventListener" | "document">>;

/** Gives a link one socket after another, for as long as its server keeps it. */
export class Sockets {
  readonly #link: WasmLink;
  readonly #open: () => WebSocketLike;
  readonly #metadata: () => Promise<Uint8Array | undefined>;
  /** The next attempt, while the link has no socket. */
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** The server has told when the next attempt is. */
  #told = false;
  /** Runs while a socket opens: on a network that is dark, a browser would wait for minutes. */
  #opening: ReturnType<typeof setTimeout> | undefined;
  readonly #openingMs: number;
  /** Runs until the advice of the server is due. */
  #advised: ReturnType<typeof setTimeout> | undefined;
  #moving = false;
  #drained!: () => void;
  /** Resolves when another link should be opened. */
  readonly draining = new Promise<void>((resolve) => (this.#drained = resolve));
  #ended = false;
  /** What the link is doing. */
  readonly state = new StateStore();

  constructor(
    link: WasmLink,
    open: () => WebSocketLike,
    metadata: () => Promise<Uint8Array | undefined>,
    openingMs = OPENING_MS,
  ) {
    this.#openingMs = openingMs;
    this.#link = link;
    this.#open = open;
    this.#metadata = metadata;
    this.#listen("addEventListener");
  }

  /**
   * The link has lost its socket, and the server may have told when to come again. Every wait is spread, the first too:
   * all pages of a server lose theirs at once.
   */
  cut(failures: number, afterMs?: number): void {
    clearTimeout(this.#opening);
    const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
    this.#told = afterMs !== undefined;
    // A time of nothing is no leave to dial without a pause.
    const wait = Math.min(
      Math.max(Math.random() * longest, (afterMs ?? 0) * (1 + Math.random() / 2)),
      LONGEST_TIMER_MS,
    );
    this.#waiting = setTimeout(this.#dial, wait);
    this.state.set({ status: "reconnecting", attempt: failures + 1, nextAt: Date.now() + wait });
  }

  /** The link goes on with another socket. */
  resumed(): void {
    this.state.set({ status: "open" });
  }

  /** The server asks for a new token. If there is none, it ends the link in its own time. */
  tokenAsked(): void {
    this.#metadata().then(
      (metadata) => this.#link.giveToken(metadata),
      () => undefined,
    );
  }

  /** The server advises to go elsewhere. Only the last advice counts. */
  drain(anotherLink: boolean, minMs: number, maxMs: number): void {
    clearTimeout(this.#advised);
    const wait = minMs + Math.random() * Math.max(maxMs - minMs, 0);
    this.#advised = setTimeout(anotherLink ? this.#drained : this.#move, Math.min(wait, LONGEST_TIMER_MS));
  }

  /** The link has ended. */
  end(info: CloseInfo): void {
    this.state.set({ status: "closed", info });
    this.#ended = true;
    clearTimeout(this.#waiting);
    clearTimeout(this.#opening);
    clearTimeout(this.#advised);
    this.#listen("removeEventListener");
  }

  readonly #dial = (): void => {
    this.#waiting = undefined;
    void this.#attach();
  };

  async #attach(): Promise<void> {
    try {
      const metadata = await this.#metadata();
      if (this.#ended) return;
      const socket = this.#open();
      this.#link.attach(socket, metadata);
      this.#opening = this.#limit(socket);
    } catch {
      // The token function or the class WebSocket threw; wasm gives up the link when its time is over.
      if (!this.#ended) this.cut(MANY);
    }
  }

  /** Opens another socket beside the present one, and goes on with it once it is open. */
  readonly #move = async (): Promise<void> => {
    const isOpen = (): boolean => this.state.current.status === "open";
    // One at a time, however often the server advises.
    if (this.#moving) return;
    this.#moving = true;
    try {
      const metadata = await this.#metadata();
      if (!isOpen()) return;
      const socket = this.#open() as WebSocket;
      const limit = this.#limit(socket);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = socket.onclose = reject;
      });
      clearTimeout(limit);
      if (isOpen()) this.#link.attach(socket, metadata);
      else socket.close();
    } catch {
      // A link that was cut meanwhile opens another socket anyway.
      if (isOpen()) this.drain(false, FIRST_WAIT_MS, LONGEST_WAIT_MS);
    } finally {
      this.#moving = false;
    }
  };

  /** Gives a socket up that does not open. */
  #limit(socket: WebSocketLike): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      if (socket.readyState === CONNECTING) socket.close();
    }, this.#openingMs);
  }

  #listen(method: "addEventListener" | "removeEventListener"): void {
    const { document, [method]: listen } = globalThis as Surroundings;
    listen?.("online", this.#look);
    listen?.("pageshow", this.#look);
    listen?.("pagehide", this.#leave);
    document?.[method]("visibilitychange", this.#look);
  }

  /** The network or the page is back: finds out at once whether the socket still works, or dials. */
  readonly #look = (): void => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#waiting === undefined) this.#link.probe();
    else if (!this.#told) {
      clearTimeout(this.#waiting);
      this.#dial();
    }
  };

  /** A page that is gone for good says so; one that is kept may come back. */
  readonly #leave = (event: Event): void => {
    if (!(event as PageTransitionEvent).persisted) this.#link.close(NORMAL, "the page was left");
  };
}
