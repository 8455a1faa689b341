/** Links: many at once, statistics, and connecting. */
import assert from "node:assert/strict";
import { tabMemory } from "../harness/memory.js";
import { test } from "../harness/test.js";

test("one page opens many independent links", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const links: Awaited<ReturnType<typeof roam.connect>>[] = [];
    // Chromium delays sockets for seconds when more than a few connect at once.
    while (links.length < 50) {
      links.push(...(await Promise.all(Array.from({ length: 5 }, () => roam.connect("/rpc")))));
    }
    const answers = await Promise.all(links.map((link, index) => link.client(Calls).echo(`${index}`)));
    await links[0]!.close();
    const rest = await Promise.all(links.slice(1).map((link) => link.client(Calls).echo("still here")));
    await Promise.all(links.map((link) => link.close()));
    return [answers.every((answer, index) => answer === `${index}`), new Set(rest).size];
  });
  assert.deepEqual(report, [true, 1]);
});

test("closed links leave no memory behind", async (lab) => {
  const tab = await lab.ownTab(await lab.server());
  const visit = (count: number): Promise<void> =>
    tab.evaluate(async (count) => {
      for (let i = 0; i < count; i++) {
        const link = await roam.connect("/rpc");
        for await (const number of link.client(Streams).count(10)) void number;
        await link.close();
      }
    }, count);
  await visit(200);
  const before = await tabMemory(tab);
  await visit(200);
  const growth = (await tabMemory(tab)) - before;
  assert.ok(growth < 200 * 1024, `each link leaked ${growth / 200} bytes`);
});

test("a link reports its statistics", async (lab) => {
  const tab = await lab.tab();
  const { idle, busy, after } = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    await link.client(Calls).echo("");
    const idle = link.stats();
    const controller = new AbortController();
    const hanging = kit.failure(link.client(Calls).hang(key, { signal: controller.signal }));
    const { numbers, sum } = await link.client(Parcels).adder();
    const busy = link.stats();
    controller.abort();
    await hanging;
    await numbers.close();
    await kit.read(sum);
    await link.client(Calls).echo("");
    return { idle, busy, after: link.stats() };
  }, lab.key());
  assert.deepEqual([idle.callsOut, idle.callsIn, idle.channels, idle.queuedBytes], [0, 0, 0, 0]);
  assert.ok(idle.bytesIn > 0 && idle.bytesOut > 0 && idle.framesIn >= 2 && idle.framesOut >= 2, JSON.stringify(idle));
  assert.deepEqual([busy.callsOut, busy.channels], [1, 2]);
  assert.equal(busy.credit, 256 * 1024);
  assert.ok(busy.bytesIn > idle.bytesIn && busy.bytesOut > idle.bytesOut);
  assert.deepEqual([after.callsOut, after.channels, after.credit], [0, 0, 0]);
});

test("concurrent calls share a frame", async (lab) => {
  const tab = await lab.tab();
  const frames = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const before = link.stats().framesOut;
    await Promise.all(Array.from({ length: 100 }, () => link.client(Calls).echo("")));
    return link.stats().framesOut - before;
  });
  assert.equal(frames, 1);
});

test("an aborted signal stops connecting", async (lab) => {
  const tab = await lab.tab();
  const failure = await tab.evaluate(async () => {
    const controller = new AbortController();
    const connecting = kit.failure(roam.connect("/rpc", { signal: controller.signal }));
    controller.abort(new RangeError("changed my mind"));
    return connecting;
  });
  assert.deepEqual(failure, { code: "RangeError", message: "changed my mind" });
});

test("a token function that rejects fails the connection with its error", async (lab) => {
  const tab = await lab.tab();
  const failure = await tab.evaluate(() =>
    kit.failure(roam.connect("/rpc", { token: () => Promise.reject(new RangeError("not signed in")) })),
  );
  assert.deepEqual(failure, { code: "RangeError", message: "not signed in" });
});

test("the address may be relative, absolute, http or ws", async (lab) => {
  const tab = await lab.tab();
  const answers = await tab.evaluate(() => {
    const { href, host } = new URL("/rpc", location.href);
    const addresses = ["rpc", "/rpc", href, `ws://${host}/rpc#part`, new URL(href)];
    return Promise.all(addresses.map(async (url) => (await roam.connect(url)).client(Calls).echo("here")));
  });
  assert.deepEqual(answers, Array(5).fill("here"));
});
