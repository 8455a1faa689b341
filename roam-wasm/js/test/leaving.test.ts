// What the peer is told when the page leaves a stream, or loses it to garbage collection.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Everything, type EverythingHandler } from "../../../roam-codegen/tests/golden/everything.js";
import { channel, RoamError } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { type Message, Peer, type Sent } from "./peer.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const failsWith = (code: string) => (error: unknown) => error instanceof RoamError && error.code === code;

async function connect(t: TestContext): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  return [link, peer];
}

/** The encoding of `{ x: 0, y: 0 }`. */
const POINT = Array<number>(16).fill(0);

/** An element of `ticks`. */
const tick = ({ channels }: Message): Sent => ({ tag: "Data", channel: channels![0]!, payload: POINT });

/** Expects that a call and its channel are given up. */
async function expectCancelled(peer: Peer, { id, channels }: Message): Promise<void> {
  assert.equal((await peer.expect("Cancel")).id, id);
  assert.equal((await peer.expect("Reset")).channel, channels![0]);
}

/** Returns the next message, which garbage collection brings about. */
async function afterCollecting(peer: Peer): Promise<Message> {
  const next = peer.expectAny();
  let arrived = false;
  void next.then(() => (arrived = true));
  for (let tries = 0; !arrived && tries < 200; tries++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert(arrived, "nothing arrived");
  return next;
}

test("leaving the loop over a quiet stream cancels its call", async (t) => {
  const [link, peer] = await connect(t);
  const ticks = link.client(Everything).ticks(1);
  const request = await peer.expect("Request");
  peer.send(tick(request));
  for await (const _ of ticks) break;
  await expectCancelled(peer, request);
  assert.equal(link.stats().callsOut, 0);
  assert.equal(link.stats().channels, 0);
  assert.equal((await ticks.next()).done, true);
  await assert.rejects(ticks.result, failsWith("cancelled"));
});

test("return, using, await using and a Web Stream's cancel cancel the call", async (t) => {
  const [link, peer] = await connect(t);
  const { ticks } = link.client(Everything);
  const leave: ((stream: ReturnType<typeof ticks>) => unknown)[] = [
    (stream) => stream.return(),
    (stream) => {
      using left = stream;
      void left;
    },
    async (stream) => {
      await using left = stream;
      void left;
    },
    (stream) => stream.readable().cancel(),
  ];
  for (const each of leave) {
    const stream = ticks(1);
    const request = await peer.expect("Request");
    await each(stream);
    await expectCancelled(peer, request);
  }
});

test("a call whose result is held goes on when its stream is left", async (t) => {
  const [link, peer] = await connect(t);
  const ticks = link.client(Everything).ticks(1);
  const { result } = ticks;
  const { id } = await peer.expect("Request");
  await ticks.return();
  await peer.expect("Reset");
  peer.send({ tag: "Response", id: id!, payload: [0, 7] });
  assert.equal(await result, 7n);
});

test("a stream with an element that does not decode cancels its call", async (t) => {
  const [link, peer] = await connect(t);
  const ticks = link.client(Everything).ticks(1);
  const request = await peer.expect("Request");
  peer.send({ tag: "Data", channel: request.channels![0]!, payload: [0] });
  await assert.rejects(ticks.next(), failsWith("protocol"));
  await expectCancelled(peer, request);
});

test("a lost stream cancels its call", async (t) => {
  const [link, peer] = await connect(t);
  link.client(Everything).ticks(1);
  const request = await peer.expect("Request");
  const { tag, id } = await afterCollecting(peer);
  assert.deepEqual([tag, id], ["Cancel", request.id]);
});

test("a stream that is still read is not lost", async (t) => {
  const [link, peer] = await connect(t);
  const next = link.client(Everything).ticks(1).next();
  const request = await peer.expect("Request");
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  peer.send(tick(request));
  assert.equal((await next).done, false);
});

test("a lost sender resets its channel", async (t) => {
  const [link, peer] = await connect(t);
  const begin = async (): Promise<void> => {
    const [tx, rx] = channel<number>();
    link
      .client(Everything)
      .sum(rx)
      .catch(() => undefined);
    await tx.send(1);
  };
  await begin();
  const { channels } = await peer.expect("Request");
  await peer.expect("Data");
  const { tag, channel: id } = await afterCollecting(peer);
  assert.deepEqual([tag, id], ["Reset", channels![0]]);
});

test("a sender that was closed and then lost stays closed", async (t) => {
  const [link, peer] = await connect(t);
  const begin = async (): Promise<void> => {
    const [tx, rx] = channel<number>();
    link
      .client(Everything)
      .sum(rx)
      .catch(() => undefined);
    // More than the credit allows.
    for (let i = 0; i < 100; i++) void tx.send(1);
    void tx.close();
  };
  await begin();
  const { channels } = await peer.expect("Request");
  await peer.expect("Data");
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  peer.send({ tag: "Credit", channel: channels![0]!, bytes: 1_000 });
  for (;;) {
    const { tag } = await peer.expectAny();
    assert(tag === "Data" || tag === "Close", tag);
    if (tag === "Close") break;
  }
});

test("a handler's sender ends when the handler returns, even if it is lost", async (t) => {
  const [link, peer] = await connect(t);
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const others = Object.fromEntries(Everything.methods.map(({ name }) => [name, () => undefined]));
  link.serve(Everything, { ...others, ticks: () => finished.then(() => 1n) } as unknown as EverythingHandler);
  const { id: method } = Everything.methods.find(({ name }) => name === "ticks")!;
  peer.send({ tag: "Request", id: 2n, method: BigInt(method), channels: [2n], payload: [1, 0] });
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  finish();
  await peer.expect("Close");
  await peer.expect("Response");
});
