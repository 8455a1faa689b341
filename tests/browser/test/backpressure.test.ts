/** Backpressure in bytes: a reader that stops blocks its sender, and nothing else. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";
import { rss, tabMemory } from "../harness/memory.js";

/** The default window of a channel. */
const WINDOW = 256 * 1024;
const BLOCK = 4_000;
/** How much the memory of the tab or the server may grow without counting as a leak. */
const TOLERANCE = 2 * 1024 * 1024;

test("a page that stops reading a stream blocks only its sender", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const stream = link.client(Streams).pour(key, 4_000);
    await stream.next();
    const echoes = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await link.client(Calls).echo("still here");
    };
    return { link, stream, echoes };
  }, key);

  const before = await server.watch.waiting(key);
  assert.ok(before.sent * BLOCK <= WINDOW, `${before.sent} blocks of ${BLOCK} bytes exceed the window`);
  assert.ok(before.sent * BLOCK > WINDOW / 2, `the server blocked after only ${before.sent} blocks of ${BLOCK} bytes`);

  const inTab = await tabMemory(tab);
  const inServer = await rss(server.pid);
  await held.evaluate(({ echoes }) => echoes(5_000));
  assert.deepEqual(await server.watch.waiting(key), before, "the server kept sending to a page that does not read");
  assert.ok((await tabMemory(tab)) - inTab < TOLERANCE, "the tab's memory grew");
  assert.ok((await rss(server.pid)) - inServer < TOLERANCE, "the server's memory grew");

  const blocks = await held.evaluate(async ({ stream }, more) => {
    for (let i = 0; i < more; i++) if ((await stream.next()).done) return i;
    return more;
  }, 1_000);
  assert.equal(blocks, 1_000, "the stream did not resume");
});

test("a server that does not read blocks the page", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const [tx, rx] = roam.channel<Uint8Array<ArrayBuffer>>();
    const answer = link.client(Streams).hesitate(key, rx);
    const state = { sent: 0, waits: false };
    const block = new Uint8Array(4_000);
    const sending = (async () => {
      while (state.sent < 500) {
        const sent = tx.send(block);
        state.waits = true;
        await sent;
        state.waits = false;
        state.sent += 1;
      }
      await tx.close();
    })();
    return { link, answer, sending, state };
  }, key);

  await watch.started(key);
  // Each echo is a round trip during which the server could have read more.
  const stopped = await held.evaluate(async ({ link, state }) => {
    for (let i = 0; i < 1_000; i++) await link.client(Calls).echo("still here");
    return { ...state, queued: link.stats().queuedBytes };
  });
  assert.equal(stopped.waits, true);
  assert.ok(stopped.sent * BLOCK <= WINDOW, `${stopped.sent} blocks of ${BLOCK} bytes exceed the window`);
  assert.equal(stopped.queued, 0);

  await watch.release(key);
  assert.equal(await held.evaluate(({ sending, answer }) => sending.then(() => answer)), 2_000_000n);
});

test("an iterable is advanced only as fast as the server reads", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const state = { given: 0 };
    const blocks = function* (): Generator<Uint8Array<ArrayBuffer>> {
      for (; state.given < 500; state.given++) yield new Uint8Array(4_000);
    };
    return { link, answer: link.client(Streams).hesitate(key, blocks()), state };
  }, key);
  await watch.started(key);
  const given = await held.evaluate(async ({ link, state }) => {
    for (let i = 0; i < 1_000; i++) await link.client(Calls).echo("still here");
    return state.given;
  });
  assert.ok((given - 1) * BLOCK <= WINDOW, `${given} blocks of ${BLOCK} bytes were taken from the iterable`);
  await watch.release(key);
  assert.equal(await held.evaluate(({ answer }) => answer), 2_000_000n);
});

test("an element is limited as a payload is", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc-small");
    const [tx, rx] = roam.channel<string>();
    const [output, reversed] = roam.channel<string>();
    const done = link.client(Streams).transform(rx, output);
    const reading = kit.read(reversed);
    // The encoding adds a length of two bytes; a payload may have 16 KiB.
    await tx.send("x".repeat(16_382));
    const refused = await kit.failure(tx.send("x".repeat(16_383)));
    await tx.send("end");
    await tx.close();
    await done;
    return { lengths: (await reading).values.map((text) => text.length), refused };
  });
  assert.deepEqual(report.lengths, [16_382, 3]);
  assert.equal(report.refused?.code, "too-large");
  assert.match(report.refused?.reason ?? "", /16385 bytes.*16384 bytes/);
});
