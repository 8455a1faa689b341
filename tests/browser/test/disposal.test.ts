/** `await using`. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("a link is closed at the end of its scope", async (lab) => {
  const tab = await lab.tab();
  assert.equal(await tab.evaluate(() => disposal.ofLink()), "local");
});

test("a stream is stopped at the end of its scope", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  assert.equal(await tab.evaluate((key) => disposal.ofStream(key), key), 0);
  await watch.ended(key);
});

test("a sender is closed at the end of its scope", async (lab) => {
  const tab = await lab.tab();
  assert.equal(await tab.evaluate(() => disposal.ofSender()), 42n);
  assert.deepEqual(await tab.evaluate(() => disposal.ofChannel()), { count: 1, in_order: true });
});
