// What `close` of a sender says of a channel that has ended.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { channel, RoamError, type Tx } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { Peer } from "./peer.js";

const failsWith = (code: string) => (error: unknown) => error instanceof RoamError && error.code === code;

async function connect(t: TestContext): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  return [link, peer];
}

test("closing a sender whose link was lost fails, and disposing of it does not", async (t) => {
  const [link, peer] = await connect(t);
  const senders = await answeredSenders(link, peer, 3);
  peer.drop();
  await link.closed;
  const [first, second, third] = senders;
  await assert.rejects(first!.close(), failsWith("closed"));
  await assert.rejects(first!.close(), failsWith("closed"));
  await assert.rejects(new Blob([]).stream().pipeTo(second!.writable() as WritableStream), failsWith("closed"));
  await third![Symbol.asyncDispose]();
});

test("closing a sender whose receiver was reset fails", async (t) => {
  const [link, peer] = await connect(t);
  const [tx, rx] = channel<number>();
  const answer = link.client(Everything).sum(rx);
  const { id, channels } = await peer.expect("Request");
  peer.send({ tag: "Reset", channel: channels![0]! });
  peer.send({ tag: "Response", id: id!, payload: [0, 0] });
  await answer;
  await assert.rejects(tx.close(), failsWith("reset"));
});

/** Returns senders of calls that were answered, so that only their channels are left. */
async function answeredSenders(link: Link, peer: Peer, count: number): Promise<Tx<number>[]> {
  const senders: Tx<number>[] = [];
  for (let i = 0; i < count; i++) {
    const [tx, rx] = channel<number>();
    const answer = link.client(Everything).sum(rx);
    const { id } = await peer.expect("Request");
    peer.send({ tag: "Response", id: id!, payload: [0, 0] });
    await answer;
    senders.push(tx);
  }
  return senders;
}
