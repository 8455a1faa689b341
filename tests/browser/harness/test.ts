import assert from "node:assert/strict";
import { after, test as nodeTest } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { WatchClient } from "../gen/watch.js";
import { closeBrowser } from "./chromium.js";
import { Server } from "./server.js";
import { loadTestPage, openTab, type Tab } from "./tab.js";

/** Far longer than any test takes. */
const LIMIT_MS = 120_000;

let shared: Promise<Server> | undefined;
let keys = 0;
/** A tab of an earlier test. Reusing it is faster than opening another one. */
let spare: Tab | undefined;

after(async () => {
  await closeBrowser();
  await (await shared)?.[Symbol.asyncDispose]();
});

/** The resources of one test, which are released when it ends. */
export class Lab {
  readonly #tabs: Tab[] = [];
  readonly #servers: Server[] = [];
  readonly #expectedErrors: RegExp[] = [];
  readonly #toleratedErrors: RegExp[] = [];
  /** Prints a measurement next to the test's name. */
  readonly note: (measurement: string) => void;

  constructor(note: (measurement: string) => void) {
    this.note = note;
  }

  /** Returns the server that tests share. */
  server(): Promise<Server> {
    return (shared ??= Server.start());
  }

  /** Returns the client of that server's `Watch` service. */
  async watch(): Promise<WatchClient> {
    return (await this.server()).watch;
  }

  /** Starts a server for this test alone, to measure or to kill: on `port`, or on a free one. */
  async ownServer(port = 0): Promise<Server> {
    const server = await Server.start(port);
    this.#servers.push(server);
    return server;
  }

  /** Returns a tab with the test page. */
  async tab(): Promise<Page> {
    const tab = this.#keep(spare ?? (await openTab()));
    spare = undefined;
    await loadTestPage(tab, (await this.server()).url);
    return tab.page;
  }

  /** Opens a tab for this test alone, to measure or to close. */
  async ownTab(server: Server): Promise<Page> {
    const tab = this.#keep(await openTab());
    await loadTestPage(tab, server.url);
    return tab.page;
  }

  /** Opens a tab with the page at `url`. */
  async open(url: string, options?: BrowserContextOptions): Promise<Page> {
    const { page } = this.#keep(await openTab(options));
    await page.goto(url);
    return page;
  }

  /** Returns a unique key for a handler. */
  key(): string {
    keys += 1;
    return `handler ${keys}`;
  }

  /** Expects the page to report an error that matches `pattern`. */
  expectPageError(pattern: RegExp): void {
    this.#expectedErrors.push(pattern);
  }

  /** Tolerates any number of errors of the page that match `pattern`. */
  toleratePageErrors(pattern: RegExp): void {
    this.#toleratedErrors.push(pattern);
  }

  /** Fails if a page reported an unexpected error, or did not report an expected one. */
  check(): void {
    const tolerated = (error: string): boolean => this.#toleratedErrors.some((pattern) => pattern.test(error));
    const errors = this.#tabs.flatMap((tab) => tab.errors).filter((error) => !tolerated(error));
    for (const pattern of this.#expectedErrors) {
      const position = errors.findIndex((error) => pattern.test(error));
      assert.notEqual(position, -1, `no error matches ${pattern} among ${JSON.stringify(errors)}`);
      errors.splice(position, 1);
    }
    assert.deepEqual(errors, [], "the page reported errors");
  }

  async close(): Promise<void> {
    for (const tab of this.#tabs) {
      if (spare === undefined && tab.errors.length === 0 && !tab.page.isClosed()) {
        // Leaving the page ends its links.
        await tab.page.goto("about:blank");
        spare = tab;
      } else {
        await tab.page.context().close();
      }
    }
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }

  #keep(tab: Tab): Tab {
    this.#tabs.push(tab);
    return tab;
  }
}

/** Defines a test with a time limit, which fails on page errors. */
export function test(name: string, body: (lab: Lab) => Promise<void>): void {
  nodeTest(name, { timeout: LIMIT_MS }, async (t) => {
    const lab = new Lab((measurement) => t.diagnostic(measurement));
    try {
      await body(lab);
      lab.check();
    } finally {
      await lab.close();
    }
  });
}
