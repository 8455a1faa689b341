import { asyncDispose } from "../dispose.js";
import type { Service } from "../description.js";
import type { CloseInfo, LinkEvents, LinkStats, WasmLink } from "../wasm.js";
import { Calls } from "./calls.js";
import { makeClient } from "./client.js";
import { type LinkDiagnostics, readDiagnostics } from "./diagnostics.js";
import type { Entry } from "./metadata.js";
import { Server } from "./server.js";

/** A link to a server: calls and streams in both directions over one WebSocket. */
export class Link implements AsyncDisposable {
  /** Resolves when the link has ended, with how it ended; never rejects. */
  readonly closed: Promise<CloseInfo>;
  readonly #link: WasmLink;
  readonly #calls: Calls;
  readonly #server: Server;

  /** @internal */
  constructor(link: WasmLink, calls: Calls, server: Server, closed: Promise<CloseInfo>) {
    this.#link = link;
    this.#calls = calls;
    this.#server = server;
    this.closed = closed;
  }

  /** Returns a client of one of the server's services: `link.client(Demo).add(2, 3)`. */
  client<Client>(service: Service<Client, unknown>): Client {
    return makeClient(this.#calls, service) as Client;
  }

  /**
   * Serves the server's calls to a service. A handler may be asynchronous, gets a `Context` after its
   * arguments, fails with `throw userError(…)`, and owns its channels until it returns.
   */
  serve<Handler extends object>(service: Service<unknown, Handler>, handler: Handler): void {
    this.#server.serve(service, handler as Readonly<Record<string, unknown>>);
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

  /** Closes the link: calls in flight reject, streams throw. Resolves when the link has ended. */
  async close(reason = ""): Promise<void> {
    this.#link.close(reason);
    await this.closed;
  }

  /** Same as `close()`. */
  async [asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens a link with `open`, which gets the callbacks for it. */
export async function openLink(
  open: (events: LinkEvents) => Promise<WasmLink>,
  metadata: readonly Entry[],
): Promise<Link> {
  let resolveClosed: (info: CloseInfo) => void;
  const closed = new Promise<CloseInfo>((resolve) => (resolveClosed = resolve));
  let calls: Calls;
  let server: Server;
  const link = await open({
    response: (id, kind, body, _metadata, halves) => calls.response(id, kind, body, halves),
    failed: (id, failure) => calls.failed(id, failure),
    request: (id, method, payload, metadata, halves) => server.request(id, method, payload, metadata, halves),
    cancelled: (id) => server.cancelled(id),
    closed: (info) => {
      calls?.closed(info);
      server?.closed();
      resolveClosed(info);
    },
  });
  calls = new Calls(link, metadata);
  server = new Server(link);
  return new Link(link, calls, server, closed);
}
