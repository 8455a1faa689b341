/** `npm run bench`: roam's throughput in a page, compared with a raw WebSocket in the same run. */
import type { Page } from "playwright-core";
import { browser, closeBrowser } from "../harness/chromium.js";
import { Server } from "../harness/server.js";
import { loadTestPage, openTab } from "../harness/tab.js";

/** The number of rounds. The best one counts, because other load only slows a round down. */
const ROUNDS = 3;

const server = await Server.start();
const tab = await openTab();
await loadTestPage(tab, server.url);
await measure(tab.page);
await closeBrowser();
await server[Symbol.asyncDispose]();

async function measure(page: Page): Promise<void> {
  const version = (await browser()).version();
  console.log(`Chromium ${version}, the best of ${ROUNDS} runs`);
  const frames = await best(() => page.evaluate(() => bench.frames(20_000)));
  const calls = await best(() => page.evaluate(() => bench.calls(100_000)));
  print("calls per second, 256 in flight", calls);
  print("frames per second through a raw WebSocket echo, 256 in flight", frames);
  console.log(`${(calls / frames).toFixed(2).padStart(12)} × the raw WebSocket (goal: more than 1)`);
  print("elements per second to the page", await best(() => page.evaluate(() => bench.received(1_000_000))));
  print("elements per second to the server", await best(() => page.evaluate(() => bench.sent(1_000_000))));
  print("MB per second to the server, with SHA-256", await best(() => page.evaluate(() => bench.uploaded(256))));
  printTimes("an upload", await page.evaluate(() => bench.beside("upload", 4)));
  printTimes("100 streams to the page", await page.evaluate(() => bench.beside("streams", 4)));
}

function printTimes(what: string, { alone, beside }: { alone: number[]; beside: number[] }): void {
  const text = (times: number[]): string => times.map((time) => time.toFixed(1)).join(" and ");
  console.log(`a call's p50 and p99 in ms: ${text(alone)} alone, ${text(beside)} beside ${what}`);
}

async function best(run: () => Promise<number>): Promise<number> {
  let most = 0;
  for (let round = 0; round < ROUNDS; round++) most = Math.max(most, await run());
  return most;
}

function print(what: string, rate: number): void {
  console.log(`${Math.round(rate).toLocaleString("en").padStart(12)} ${what}`);
}
