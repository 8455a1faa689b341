/** `onProgress`: what the server has consumed. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("grows while the server reads, and is complete with the answer", async (lab) => {
  const tab = await lab.tab();
  const { told, whole } = await tab.evaluate(async () => {
    const told: number[] = [];
    const chunks = Array.from(kit.count(64), (index) => kit.block(index, 64 * 1024));
    const { bytes } = await (await roam.connect("/rpc")).client(Streams).digest(chunks, {
      onProgress: (consumed) => told.push(consumed),
    });
    return { told, whole: Number(bytes) };
  });
  assert.equal(told.at(-1), whole);
  assert.ok(told.length >= 5, `told ${told.length} times`);
  assert.ok(
    told.every((bytes, index) => index === 0 || bytes > told[index - 1]!),
    told.join(),
  );
});

test("does not tell of what was only sent", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const told: number[] = [];
    const answer = link.client(Streams).hesitate(key, new Uint8Array(1_000_000), {
      onProgress: (consumed) => told.push(consumed),
    });
    return { link, told, answer };
  }, key);
  await watch.started(key);
  const before = await held.evaluate(async ({ link, told }) => {
    for (let i = 0; i < 100; i++) await link.client(Calls).echo("still here");
    return [...told];
  });
  assert.deepEqual(before, []);
  await watch.release(key);
  const after = await held.evaluate(async ({ told, answer }) => [Number(await answer), told.at(-1)]);
  assert.deepEqual(after, [1_000_000, 1_000_000]);
});
