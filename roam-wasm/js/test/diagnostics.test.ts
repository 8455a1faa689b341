// Diagnostics of a link.
import assert from "node:assert/strict";
import test from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { channel } from "../src/index.js";
import { Peer } from "./peer.js";

test("shows calls and channels in flight", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const everything = link.client(Everything);
  const before = everything.delete(1, 2);
  const first = await peer.expect("Request");
  assert.deepEqual(link.diagnostics().calls, [
    { direction: "out", id: Number(first.id), method: "Everything.delete", ageMs: undefined, state: "waiting" },
  ]);

  const [tx, rx] = channel<string>();
  const [back, echoed] = channel<string>();
  const call = everything.transform(rx, back);
  const { id, channels } = await peer.expect("Request");
  void tx.send("0123456789");
  await peer.expect("Data");
  peer.send({ tag: "Data", channel: channels![1]!, payload: [2, 104, 105] });

  while (link.diagnostics().channels[1]!.queued === 0) await new Promise((resolve) => setImmediate(resolve));
  const shown = link.diagnostics();
  const made = shown.calls.find((call) => call.id === Number(id))!;
  assert.equal(made.method, "Everything.transform");
  assert(made.ageMs! >= 0 && made.ageMs! < 600_000);
  const [up, down] = shown.channels;
  const method = "Everything.transform";
  assert.deepEqual(
    { ...up, ageMs: 0 },
    { direction: "send", id: 1, method, ageMs: 0, credit: 53, queued: 0, state: "open" },
  );
  assert.deepEqual(
    { ...down, ageMs: 0 },
    { direction: "receive", id: 3, method, ageMs: 0, credit: 61, queued: 3, state: "open" },
  );
  assert.equal(shown.queuedFrames, 0);
  assert(shown.receiveBudget > 0 && shown.sendingChannels > 0 && shown.callPayloads > 0);

  peer.send({ tag: "Response", id: id!, payload: [0] });
  peer.send({ tag: "Response", id: first.id!, payload: [0] });
  await Promise.all([before, call]);
  assert.deepEqual(link.diagnostics().calls, []);
  void echoed;
  await link.close();
  assert(link.diagnostics().channels.every(({ state }) => state === "link-ended"));
});

test("shows calls of the server", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  let answer = (): void => undefined;
  const called = new Promise<void>((resolve) => {
    const handler = new Proxy({}, { get: () => () => (resolve(), new Promise<void>((done) => (answer = done))) });
    link.serve(Everything, handler as never);
  });
  link.diagnostics();
  const method = BigInt(Everything.methods.find(({ name }) => name === "delete")!.id);
  peer.send({ tag: "Request", id: 7n, method, payload: [1, 2] });
  await called;
  const [call] = link.diagnostics().calls;
  assert(call!.ageMs! >= 0);
  assert.deepEqual(
    { ...call, ageMs: 0 },
    { direction: "in", id: 7, method: "Everything.delete", ageMs: 0, state: "waiting" },
  );
  peer.send({ tag: "Cancel", id: 7n });
  await peer.expect("Response");
  assert.equal(link.diagnostics().calls[0]?.state, "stopping");
  answer();
  while (link.diagnostics().calls.length > 0) await new Promise((resolve) => setImmediate(resolve));
});
