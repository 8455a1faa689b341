import { asyncDispose } from "../dispose.js";
import type { Service } from "../description.js";
import { type CloseInfo, type LinkEvents, type LinkStats, NORMAL, type WasmLink } from "../wasm.js";
import { RoamError } from "../errors.js";
import { Calls } from "./calls.js";
import { makeClient } from "./client.js";
import { type LinkDiagnostics, readDiagnostics } from "./diagnostics.js";
import type { Said } from "./metadata.js";
import { Server } from "./server.js";
import type { Services, Serving } from "./services.js";
import type { Sockets } from "./sockets.js";
import type { LinkState, Store } from "./state.js";

/** How to close a link. */
export interface CloseOptions {
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
}

/** A link to a server: calls and streams in both directions over one WebSocket at a time. */
export class Link implements AsyncDisposable {
  /** Resolves when the link has ended, with how it ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /**
   * What the link is doing: open, reconnecting or closed.
   *
   * ```ts
   * const stop = link.state.subscribe(() => console.log(link.state.current.status));
   * ```
   */
  readonly state: Store<LinkState>;
  /**
   * Resolves when the server advises to open another link, since its process goes: new calls belong there. What is in
   * flight goes on. May never resolve; never rejects.
   */
  readonly draining: Promise<void>;
  readonly #link: WasmLink;
  readonly #calls: Calls;
  readonly #services: Services;

  /** @internal */
  constructor(link: WasmLink, calls: Calls, services: Services, closed: Promise<CloseInfo>, sockets: Sockets) {
    this.#link = link;
    this.#calls = calls;
    this.#services = services;
    this.closed = closed;
    this.state = sockets.state;
    this.draining = sockets.draining;
  }

  /** Returns a client of one of the server's services: `link.client(Demo).add(2, 3)`. */
  client<Client>(service: Service<Client, unknown>): Client {
    return makeClient(this.#calls, service) as Client;
  }

  /**
   * Serves the server's calls to a service. A handler may be asynchronous, gets a `Context` after its
   * arguments, fails with `throw userError(…)`, and owns its channels until it returns.
   *
   * Serving the same service again replaces its handler. Call what this returns to stop serving; handlers that run
   * then still answer. Calls that may come before this belong in the option `serve` of `connect`.
   *
   * ```ts
   * const stop = link.serve(Notifier, { notify: (text) => show(text) });
   * stop(); // or: using serving = link.serve(…)
   * ```
   */
  serve<Handler extends object>(service: Service<unknown, Handler>, handler: NoInfer<Handler>): Serving {
    return this.#services.serve(service, handler as Readonly<Record<string, unknown>>);
  }

  /** Returns the current statistics of the link. */
  stats(): LinkStats {
    return this.#link.stats();
  }

  /**
   * Returns a snapshot of everything in flight: calls and channels with their methods, ages, credit and
   * queued bytes. The first snapshot starts the clock: ages are known of calls and channels after it.
   *
   * ```ts
   * console.table(link.diagnostics().channels);
   * ```
   */
  diagnostics(): LinkDiagnostics {
    return readDiagnostics(this.#link.diagnostics());
  }

  /**
   * Closes the link: calls in flight reject, streams throw. Resolves when the link has ended. The server is told the
   * reason, of up to 123 bytes, and the code: 1000, or from 4000 to 4999, of which 4400 to 4499 are roam's.
   */
  async close(end: string | CloseOptions = ""): Promise<void> {
    const { code = NORMAL, reason = "" } = typeof end === "string" ? { reason: end } : end;
    if (code !== NORMAL && !(Number.isInteger(code) && code >= 4000 && code <= 4999))
      throw new RoamError("invalid-argument", `code: ${code} is neither 1000 nor from 4000 to 4999`);
    this.#link.close(code, reason);
    await this.closed;
  }

  /** Same as `close()`. */
  async [asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens a link with `open`, which gets the callbacks for it. */
export async function openLink(
  open: (events: LinkEvents) => Promise<void>,
  said: Said,
  services: Services,
  provide: (link: WasmLink) => Sockets,
): Promise<Link> {
  let resolveClosed: (info: CloseInfo) => void;
  const closed = new Promise<CloseInfo>((resolve) => (resolveClosed = resolve));
  let link!: Link;
  let calls!: Calls;
  let server!: Server;
  let sockets!: Sockets;
  // All connections are the root connection so far.
  await open({
    ready: (wasm, maxPayload, maxElement, maxCalls, maxCallBytes) => {
      const agreed = { maxPayload, maxElement, maxCalls, maxCallBytes };
      calls = new Calls(wasm, agreed, said);
      server = new Server(wasm, agreed, services);
      sockets = provide(wasm);
      link = new Link(wasm, calls, services, closed, sockets);
    },
    response: (_connection, id, kind, body, halves) => calls.response(id, kind, body, halves),
    failed: (_connection, id, failure) => calls.failed(id, failure),
    request: (_connection, id, method, payload, metadata, halves) =>
      server.request(id, method, payload, metadata, halves),
    cancelled: (_connection, id) => server.cancelled(id),
    cut: (failures, afterMs) => sockets.cut(failures, afterMs),
    resumed: () => sockets.resumed(),
    tokenAsked: () => sockets.tokenAsked(),
    drain: (anotherLink, minMs, maxMs) => sockets.drain(anotherLink, minMs, maxMs),
    closed: (info) => {
      sockets.end(info);
      calls.closed(info);
      server.closed();
      resolveClosed(info);
    },
  });
  return link;
}
