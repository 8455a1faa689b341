// Channel ids in payloads: a peer of another language takes them from there.
import assert from "node:assert/strict";
import test from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { channel } from "../src/index.js";
import { Peer } from "./peer.js";
import { codecOf, decode } from "./support.js";

test("a peer finds the halves of arguments by the ids in the payload", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const everything = link.client(Everything);
  for (const word of ["first", "second"]) {
    const [back, echoed] = channel<string>();
    const call = everything.transform([word], back);
    const { id, payload } = await peer.expect("Request");
    const [input, output] = idsIn(["tuple", "u64", "u64"], payload!);
    const data = await peer.expect("Data");
    assert.deepEqual([data.channel, [...data.payload!]], [input, encoded(word)]);
    peer.send({ tag: "Data", channel: output!, payload: encoded(word.toUpperCase()) });
    assert.deepEqual(await echoed.next(), { done: false, value: word.toUpperCase() });
    assert.deepEqual((await peer.expect("Close")).channel, input);
    peer.send({ tag: "Close", channel: output! });
    peer.send({ tag: "Response", id: id!, payload: [0] });
    await call;
  }
});

test("ids of several bytes are found", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const everything = link.client(Everything);
  for (let n = 0; n < 40; n++) {
    const call = everything.copy(channel<number>()[0], channel<number>()[0]);
    const { id, channels, payload } = await peer.expect("Request");
    assert.deepEqual(idsIn(["tuple", "u64", "u64"], payload!), channels);
    assert.deepEqual(channels, [BigInt(4 * n + 1), BigInt(4 * n + 3)]);
    peer.send({ tag: "Response", id: id!, payload: [1, 3] });
    await assert.rejects(call);
  }
});

test("a peer finds the channel of an answer by the id in the payload", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const handler = { run: () => [{ tag: "Silence" }] };
  link.serve(
    Everything,
    new Proxy(handler, { get: (target, name) => (name === "run" ? target.run : () => {}) }) as never,
  );
  const run = Everything.methods.find(({ name }) => name === "run")!;
  for (const [id, progress] of [
    [1n, 2],
    [2n, 4],
  ] as const) {
    // A job without a name and input, and a sender of progress.
    peer.send({
      tag: "Request",
      id,
      method: BigInt(run.id),
      channels: [BigInt(progress)],
      payload: [0, 0, progress],
    });
    assert.deepEqual(await peer.expect("Close").then(({ channel }) => channel), BigInt(progress));
    const { payload } = await peer.expect("Response");
    const [outcome, some, messages] = decode(codecOf(["tuple", "u8", "u8", "u64"]), payload!.slice()) as [
      number,
      number,
      bigint,
    ];
    assert.deepEqual([outcome, some], [0, 1]);
    const data = await peer.expect("Data");
    assert.deepEqual([data.channel, [...data.payload!]], [messages, [0]]);
    assert.deepEqual((await peer.expect("Close")).channel, messages);
  }
});

function idsIn(shape: Parameters<typeof codecOf>[0], payload: Uint8Array): bigint[] {
  return decode(codecOf(shape), payload.slice()) as bigint[];
}

function encoded(word: string): number[] {
  return [word.length, ...Buffer.from(word)];
}
