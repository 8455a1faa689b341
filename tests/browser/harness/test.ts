import assert from "node:assert/strict";
import { after, test as nodeTest } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { WatchClient } from "../gen/watch.js";
import { closeBrowser } from "./chromium.js";
import { Server } from "./server.js";
import { loadTestPage, openTab, type Tab } from "./tab.js";

/** No test takes nearly that long. */
const LIMIT_MS = 120_000;

let shared: Promise<Server> | undefined;
let keys = 0;
/** A tab that a test has left; to load another page in it is quicker than to open another tab. */
let spare: Tab | undefined;

after(async () => {
  await closeBrowser();
  await (await shared)?.[Symbol.asyncDispose]();
});

/** What a test works with. All of it is gone when the test is over. */
export class Lab {
  readonly #tabs: Tab[] = [];
  readonly #servers: Server[] = [];
  readonly #expected: RegExp[] = [];
  /** Prints a figure beside the test's name. */
  readonly note: (figure: string) => void;

  constructor(note: (figure: string) => void) {
    this.note = note;
  }

  /** The server that tests share. */
  server(): Promise<Server> {
    return (shared ??= Server.start());
  }

  /** What that server tells of its handlers. */
  async watch(): Promise<WatchClient> {
    return (await this.server()).watch;
  }

  /** A server of the test's own, to measure or to kill. */
  async ownServer(): Promise<Server> {
    const server = await Server.start();
    this.#servers.push(server);
    return server;
  }

  /** A tab with the test page. */
  async tab(): Promise<Page> {
    const tab = this.#keep(spare ?? (await openTab()));
    spare = undefined;
    await loadTestPage(tab, (await this.server()).url);
    return tab.page;
  }

  /** A tab of the test's own, to measure or to close. */
  async ownTab(server: Server): Promise<Page> {
    const tab = this.#keep(await openTab());
    await loadTestPage(tab, server.url);
    return tab.page;
  }

  /** A tab with some page. */
  async open(url: string, options?: BrowserContextOptions): Promise<Page> {
    const { page } = this.#keep(await openTab(options));
    await page.goto(url);
    return page;
  }

  /** A name for a handler that no other one has. */
  key(): string {
    keys += 1;
    return `handler ${keys}`;
  }

  /** The page is to complain about this. */
  expectComplaint(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Fails when a page has complained. */
  check(): void {
    const complaints = this.#tabs.flatMap((tab) => tab.complaints);
    for (const pattern of this.#expected) {
      const position = complaints.findIndex((complaint) => pattern.test(complaint));
      assert.notEqual(position, -1, `no complaint about ${pattern} among ${JSON.stringify(complaints)}`);
      complaints.splice(position, 1);
    }
    assert.deepEqual(complaints, [], "the page complained");
  }

  async close(): Promise<void> {
    for (const tab of this.#tabs) {
      if (spare === undefined && tab.complaints.length === 0 && !tab.page.isClosed()) {
        // Its links end with its page.
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

/** A test, with a limit on its time and no complaint of a page. */
export function test(name: string, body: (lab: Lab) => Promise<void>): void {
  nodeTest(name, { timeout: LIMIT_MS }, async (t) => {
    const lab = new Lab((figure) => t.diagnostic(figure));
    try {
      await body(lab);
      lab.check();
    } finally {
      await lab.close();
    }
  });
}
