/** What ends a page's call, and what its handler sees of it: the table of docs/cancellation.md. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { WatchClient } from "../gen/watch.js";
import { Network } from "../harness/network.js";
import { readTable } from "../harness/table.js";
import { type Lab, test } from "../harness/test.js";
import type { Cell, Kind, Way } from "../page/cancelling.js";

const KINDS: readonly Kind[] = ["plain call", "`Tx` argument", "`Rx` argument", "returned `Rx`"];

/** The ways, and whether the page is there afterwards. */
const WAYS: Readonly<Record<Way, "stays" | "leaves">> = {
  "its `signal` is aborted": "stays",
  "its `timeoutMs` passes": "stays",
  "`break` in the loop over the stream": "stays",
  "`return()` of the stream": "stays",
  "`break`, and its `result` was read": "stays",
  "`return()` of an `Rx` of `channel()`": "stays",
  "`close()` of a `Tx` of `channel()`": "stays",
  "`abort()` of a `Tx` of `channel()`": "stays",
  "the iterable for an `Rx` throws": "stays",
  "`close()` of the link": "stays",
  "the page is closed": "leaves",
  "another page is opened": "leaves",
  "the link is lost for good": "stays",
  "the link is cut, and goes on": "stays",
};

/** The ends of a handler and of its half, as `Watch` tells them. */
const ENDS: Readonly<Record<string, readonly [of: "key" | "half", phase: string]>> = {
  aborted: ["key", "Stopped"],
  "sender fails": ["half", "Stopped"],
  "reader fails": ["half", "Stopped"],
  "clean end": ["half", "Finished"],
};

/** A cell of the table, for one path to the server. */
type Case = Cell & { readonly words: string };

test("the table of what ends a page's call is true", async (lab) => {
  const table = await readTable("cancellation.md", "in TypeScript");
  assert.deepEqual([...table.keys()], Object.keys(WAYS));
  for (const row of table.values()) assert.deepEqual([...row.keys()], KINDS);
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  let tab: Page | undefined;
  for (const [way, page] of Object.entries(WAYS) as [Way, "stays" | "leaves"][]) {
    tab ??= await openPage(lab, network);
    const row = [...table.get(way)!].filter(([, words]) => words !== "—");
    const cells = row.flatMap(([kind, words]) =>
      urlsFor(way).map((url) => ({ url, kind: kind as Kind, way, words, key: lab.key(), half: lab.key() })),
    );
    await Promise.all(cells.map((cell) => begin(tab!, cell, server.watch)));
    const seen = Promise.all(cells.map((cell) => ends(cell, server.watch)));
    const since = await endAll(tab, way, cells, network);
    const took = (await seen).map((at, index) => at - since[index]!);
    lab.note(`${way}: ${Math.max(0, ...took)} ms`);
    await Promise.all(cells.map((cell) => goesOn(tab!, cell, server.watch)));
    if (page === "leaves") tab = undefined;
    else await Promise.all(cells.map((cell) => tab!.evaluate((cell) => cancelling.finish(cell), cell)));
  }
});

async function openPage(lab: Lab, network: Network): Promise<Page> {
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  return tab;
}

/** Returns where calls are made: directly, and through a proxy. */
function urlsFor(way: Way): string[] {
  const unkept = way === "the link is lost for good" ? "-unkept" : "";
  return [`/rpc${unkept}`, `/rpc-proxied${unkept}`];
}

function hasHalf({ kind }: Cell): boolean {
  return kind !== "plain call";
}

async function begin(tab: Page, cell: Cell, watch: WatchClient): Promise<void> {
  await tab.evaluate((cell) => cancelling.begin(cell), cell);
  await watch.started(cell.key);
  if (hasHalf(cell)) await watch.started(cell.half);
}

/** Ends the calls. Returns when each was ended, in milliseconds since 1970. */
async function endAll(tab: Page, way: Way, cells: readonly Cell[], network: Network): Promise<number[]> {
  const now = Date.now();
  switch (way) {
    case "the page is closed":
      await tab.close();
      break;
    case "another page is opened":
      await tab.goto("about:blank");
      break;
    case "the link is lost for good":
    case "the link is cut, and goes on":
      await network.command("cut rst");
      break;
    default:
      return tab.evaluate((cells) => Promise.all(cells.map((cell) => cancelling.end(cell))), [...cells]);
  }
  return cells.map(() => now);
}

/** Asserts that the handler and its half end as the cell says. Returns when they had, in milliseconds since 1970. */
async function ends(cell: Case, watch: WatchClient): Promise<number> {
  for (const part of cell.words.split(", ")) {
    if (part === "goes on") continue;
    const [of, phase] = ENDS[part] ?? assert.fail(`the table says "${part}", which no test knows`);
    assert.equal((await watch.ended(cell[of])).phase, phase, `${describe(cell)}: ${part}`);
  }
  return cell.words === "goes on" ? 0 : Date.now();
}

/** Asserts that everything works of which the cell does not say that it ends. */
async function goesOn(tab: Page, cell: Case, watch: WatchClient): Promise<void> {
  const { kind, words, key, half } = cell;
  const where = describe(cell);
  if (words === "goes on" && hasHalf(cell)) {
    const fromServer = kind !== "`Rx` argument";
    if (fromServer) await watch.release(half);
    const last = await tab.evaluate((cell) => cancelling.useChannel(cell), cell);
    assert.equal(last, fromServer ? 1 : undefined, where);
    assert.equal((await watch.ended(half)).phase, "Finished", where);
  }
  if (!words.includes("goes on") || kind === "returned `Rx`") return;
  await watch.release(key);
  assert.equal(await tab.evaluate((cell) => cancelling.answer(cell), cell), 7, where);
  assert.equal((await watch.ended(key)).phase, "Finished", where);
}

function describe({ way, kind, url }: Cell): string {
  return `${way}: ${kind}, ${url}`;
}
