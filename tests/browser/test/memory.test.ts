/** Memory stays bounded, however much data passes through. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { peakRss, rss, tabMemory } from "../harness/memory.js";
import { test } from "../harness/test.js";
import { block } from "../page/kit.js";

const MIB = 1024 * 1024;
const BLOCKS = 4_096;
const BLOCK = 64 * 1024;
/** How often memory is measured during an upload. */
const PARTS = 16;
const MAX_GROWTH = 16 * MIB;

test("a 256 MiB upload has the right hash and grows memory by at most 16 MiB", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  // Warms up, so that the link and the code do not count as growth.
  await tab.evaluate(async () => (await roam.connect("/rpc")).client(Streams).digest([kit.block(0, 1024)]));
  const [tabBefore, serverBefore] = [await tabMemory(tab), await rss(server.pid)];

  const held = await tab.evaluateHandle(
    async ([blocks, size, parts]) => {
      const { digest } = (await roam.connect("/rpc")).client(Streams);
      const begun = Array.from({ length: parts }, () => kit.deferred());
      let next = 0;
      const source = new ReadableStream<Uint8Array<ArrayBuffer>>(
        {
          pull(controller) {
            begun[Math.floor((next * parts) / blocks)]?.resolve();
            if (next === blocks) controller.close();
            else controller.enqueue(kit.block(next++, size));
          },
        },
        { highWaterMark: 0 },
      );
      return { begun, digest: digest(source) };
    },
    [BLOCKS, BLOCK, PARTS] as const,
  );
  let most = 0;
  for (let part = 0; part < PARTS; part++) {
    await held.evaluate(({ begun }, part) => begun[part]!.promise, part);
    most = Math.max(most, await tabMemory(tab));
  }
  const { sha256, bytes } = await held.evaluate(({ digest }) => digest);

  const hash = createHash("sha256");
  for (let index = 0; index < BLOCKS; index++) hash.update(block(index, BLOCK));
  assert.deepEqual([bytes, Buffer.from(sha256).toString("hex")], [BigInt(BLOCKS * BLOCK), hash.digest("hex")]);

  const tabGrowth = Math.max(most, await tabMemory(tab)) - tabBefore;
  const serverGrowth = (await peakRss(server.pid)) - serverBefore;
  lab.note(`tab: ${mib(tabGrowth)} at most above ${mib(tabBefore)}`);
  lab.note(`server: ${mib(serverGrowth)} at most above ${mib(serverBefore)}`);
  assert.ok(tabGrowth <= MAX_GROWTH, `the tab grew by ${mib(tabGrowth)}`);
  assert.ok(serverGrowth <= MAX_GROWTH, `the server grew by ${mib(serverGrowth)}`);
});

test("256 MiB read slowly from the server do not grow memory", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const stream = (await roam.connect("/rpc")).client(Streams).pour(key, 16 * 1024);
    await stream.next();
    return stream;
  }, key);
  const [tabBefore, serverBefore] = [await tabMemory(tab), await rss(server.pid)];
  let tabGrowth = 0;
  for (let part = 0; part < 16; part++) {
    await held.evaluate(async (stream) => {
      for (let i = 0; i < 1_024; i++) await stream.next();
    });
    tabGrowth = Math.max(tabGrowth, (await tabMemory(tab)) - tabBefore);
  }
  const serverGrowth = (await peakRss(server.pid)) - serverBefore;
  lab.note(
    `tab: ${mib(tabGrowth)} at most above ${mib(tabBefore)}; server: ${mib(serverGrowth)} above ${mib(serverBefore)}`,
  );
  assert.ok(tabGrowth <= MAX_GROWTH, `the tab grew by ${mib(tabGrowth)}`);
  assert.ok(serverGrowth <= MAX_GROWTH, `the server grew by ${mib(serverGrowth)}`);
});

test("100,000 calls and 2,000 streams leave no memory behind", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const held = await tab.evaluateHandle(async () => {
    const link = await roam.connect("/rpc");
    const work = async (calls: number, streams: number): Promise<void> => {
      const { echo } = link.client(Calls);
      const { count, tally } = link.client(Streams);
      for (let i = 0; i < calls; i += 100) await Promise.all(Array.from({ length: 100 }, () => echo("hello")));
      for (let i = 0; i < streams; i += 2) {
        await kit.read(count(3));
        await tally([0, 1, 2]);
      }
    };
    await work(2_000, 200);
    return { link, work };
  });
  const [tabBefore, serverBefore] = [await tabMemory(tab), await rss(server.pid)];
  await held.evaluate(({ work }) => work(100_000, 2_000));
  const tabGrowth = (await tabMemory(tab)) - tabBefore;
  const serverGrowth = (await rss(server.pid)) - serverBefore;
  lab.note(
    `tab: ${mib(tabGrowth)} more than ${mib(tabBefore)}; server: ${mib(serverGrowth)} more than ${mib(serverBefore)}`,
  );
  assert.ok(tabGrowth < MIB, `the tab grew by ${mib(tabGrowth)}`);
  assert.ok(serverGrowth < 2 * MIB, `the server grew by ${mib(serverGrowth)}`);
  assert.equal(await held.evaluate(({ link }) => link.stats().channels), 0);
});

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
