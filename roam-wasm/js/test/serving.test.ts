// Serving calls of the peer: from when, until when, and by which handler.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything, type EverythingHandler } from "../../../roam-codegen/tests/golden/everything.js";
import { connect as connectTo, RoamError } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { Peer, type Sent } from "./peer.js";

const divide = Everything.methods.find(({ name }) => name === "divide")!;
const UNKNOWN_METHOD = [1, 1];

/** A call `divide(0, 0)`. */
const request = (id: bigint): Sent => ({ tag: "Request", id, method: BigInt(divide.id), payload: [0, 0] });

/** A handler whose `divide` returns `value`. */
function answering(value: bigint): EverythingHandler {
  const names = Everything.methods.map(({ name }) => [name, () => value]);
  return Object.fromEntries(names) as unknown as EverythingHandler;
}

async function connect(t: TestContext): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  return [link, peer];
}

async function answer(peer: Peer): Promise<number[]> {
  return [...(await peer.expect("Response")).payload!];
}

async function ask(peer: Peer, id: bigint): Promise<number[]> {
  peer.send(request(id));
  return answer(peer);
}

test("a handler given to connect answers a call that comes with the handshake", async (t) => {
  const [, peer] = await Peer.connect({ serve: [[Everything, answering(3n)]] }, { early: [request(2n)] });
  t.after(() => peer.end());
  assert.deepEqual(await answer(peer), [0, 6]);
});

test("without a handler a call that comes with the handshake is unknown", async (t) => {
  const [, peer] = await Peer.connect({}, { early: [request(2n)] });
  t.after(() => peer.end());
  assert.deepEqual(await answer(peer), UNKNOWN_METHOD);
});

test("connect rejects a handler without all methods before it opens a socket", async () => {
  class Never {
    constructor() {
      assert.fail("opened a socket");
    }
  }
  await assert.rejects(
    connectTo("ws://127.0.0.1:1/", { serve: [[Everything, {} as EverythingHandler]], WebSocket: Never as never }),
    (error) => error instanceof RoamError && error.code === "invalid-argument",
  );
});

test("serving again replaces the handler", async (t) => {
  const [link, peer] = await connect(t);
  link.serve(Everything, answering(1n));
  assert.deepEqual(await ask(peer, 2n), [0, 2]);
  link.serve(Everything, answering(2n));
  assert.deepEqual(await ask(peer, 4n), [0, 4]);
});

test("a stopped service is unknown", async (t) => {
  const [link, peer] = await connect(t);
  const stop = link.serve(Everything, answering(1n));
  stop();
  assert.deepEqual(await ask(peer, 2n), UNKNOWN_METHOD);
  stop();
});

test("stopping a replaced handler leaves the later one", async (t) => {
  const [link, peer] = await connect(t);
  const first = link.serve(Everything, answering(1n));
  link.serve(Everything, answering(2n));
  first();
  assert.deepEqual(await ask(peer, 2n), [0, 4]);
});

test("using stops at the end of the block", async (t) => {
  const [link, peer] = await connect(t);
  {
    using serving = link.serve(Everything, answering(1n));
    void serving;
    assert.deepEqual(await ask(peer, 2n), [0, 2]);
  }
  assert.deepEqual(await ask(peer, 4n), UNKNOWN_METHOD);
});

test("a handler that runs when its service stops still answers", async (t) => {
  const [link, peer] = await connect(t);
  let begin!: () => void;
  let finish!: (value: bigint) => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const result = new Promise<bigint>((resolve) => (finish = resolve));
  const divide = (): Promise<bigint> => {
    begin();
    return result;
  };
  const stop = link.serve(Everything, { ...answering(0n), divide });
  peer.send(request(2n));
  await begun;
  stop();
  finish(5n);
  assert.deepEqual(await answer(peer), [0, 10]);
});

test("the peer may use an id again once its call was answered", async (t) => {
  const [link, peer] = await connect(t);
  link.serve(Everything, answering(1n));
  const id = 2n ** 64n - 1n;
  assert.deepEqual(await ask(peer, id), [0, 2]);
  assert.deepEqual(await ask(peer, id), [0, 2]);
});

test("an answer after the deadline is too late, even if the timer is later", async (t) => {
  const [link, peer] = await connect(t);
  // A hidden page, whose timers do not fire.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const call = link.client(Everything).divide(1, 1, { timeoutMs: 0 });
  const { id } = await peer.expect("Request");
  peer.send({ tag: "Response", id: id!, payload: [0, 2] });
  await assert.rejects(call, (error) => error instanceof RoamError && error.code === "deadline");
});
