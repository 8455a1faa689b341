import "../dispose.js";
import type { Service } from "../description.js";
import type { CloseInfo, LinkEvents, LinkStats, WasmLink } from "../wasm.js";
import { Calls } from "./calls.js";
import { makeClient } from "./client.js";
import { type LinkDiagnostics, readDiagnostics } from "./diagnostics.js";
import type { Entry } from "./metadata.js";
import { Server } from "./server.js";

/** A connection to a server: calls and streams in both directions over one WebSocket. */
export class Link implements AsyncDisposable {
  /** Resolves when the link is over, and says how it ended; it never rejects. */
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

  /** The methods of a service over there: `link.client(Demo).add(2, 3)`. */
  client<Client>(service: Service<Client, unknown>): Client {
    return makeClient(this.#calls, service) as Client;
  }

  /**
   * Answers the server's calls to a service. A handler may be asynchronous, gets a `Context` after
   * its arguments, fails with `throw userError(…)`, and holds its channel ends until it returns.
   */
  serve<Handler extends object>(service: Service<unknown, Handler>, handler: Handler): void {
    this.#server.serve(service, handler as Readonly<Record<string, unknown>>);
  }

  /** Figures of the link, as of now. */
  stats(): LinkStats {
    return this.#link.stats();
  }

  /**
   * What is in flight now, one by one: calls and channels with their methods, ages, credit and what
   * they hold. Ages are there for what began after this was first asked of the link.
   *
   * ```ts
   * console.table(link.diagnostics().channels);
   * ```
   */
  diagnostics(): LinkDiagnostics {
    return readDiagnostics(this.#link.diagnostics());
  }

  /** Ends the link: calls under way reject, streams throw. Resolves when it is over. */
  async close(reason = ""): Promise<void> {
    this.#link.close(reason);
    await this.closed;
  }

  /** Closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens a link by `open`, which is given what to tell about it. */
export async function openLink(
  open: (events: LinkEvents) => Promise<WasmLink>,
  metadata: readonly Entry[],
): Promise<Link> {
  let resolveClosed: (info: CloseInfo) => void;
  const closed = new Promise<CloseInfo>((resolve) => (resolveClosed = resolve));
  let calls: Calls;
  let server: Server;
  const link = await open({
    response: (id, payload, metadata, ends) => calls.response(id, payload, metadata, ends),
    failed: (id, failure) => calls.failed(id, failure),
    request: (id, method, payload, metadata, ends) => server.request(id, method, payload, metadata, ends),
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
