/** `onProgress`, which reports how much the server has consumed. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("progress grows while the server reads and is complete with the result", async (lab) => {
  const tab = await lab.tab();
  const { reported, whole } = await tab.evaluate(async () => {
    const reported: number[] = [];
    const chunks = Array.from(kit.count(64), (index) => kit.block(index, 64 * 1024));
    const { bytes } = await (await roam.connect("/rpc")).client(Streams).digest(chunks, {
      onProgress: (consumed) => reported.push(consumed),
    });
    return { reported, whole: Number(bytes) };
  });
  assert.equal(reported.at(-1), whole);
  assert.ok(reported.length >= 5, `progress was reported only ${reported.length} times`);
  assert.ok(
    reported.every((bytes, index) => index === 0 || bytes > reported[index - 1]!),
    reported.join(),
  );
});

test("progress does not include unread bytes", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const reported: number[] = [];
    const answer = link.client(Streams).hesitate(key, new Uint8Array(1_000_000), {
      onProgress: (consumed) => reported.push(consumed),
    });
    return { link, reported, answer };
  }, key);
  await watch.started(key);
  const before = await held.evaluate(async ({ link, reported }) => {
    for (let i = 0; i < 100; i++) await link.client(Calls).echo("still here");
    return [...reported];
  });
  assert.deepEqual(before, []);
  await watch.release(key);
  const after = await held.evaluate(async ({ reported, answer }) => [Number(await answer), reported.at(-1)]);
  assert.deepEqual(after, [1_000_000, 1_000_000]);
});
