// The hash of the caller's signature: which calls carry it, and what happens when it is another.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything, type EverythingHandler } from "../../../roam-codegen/tests/golden/everything.js";
import { type ConnectOptions, type Metadata, RoamError } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { type Message, Peer } from "./peer.js";

const divide = Everything.methods.find(({ name }) => name === "divide")!;
const sum = Everything.methods.find(({ name }) => name === "sum")!;
const [method, ours] = [BigInt(divide.id), BigInt(divide.signature!)];

const signature = (value: bigint): unknown[] => ["roam-signature", { tag: "U64", value }];

async function connect(t: TestContext, options?: ConnectOptions): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect(options);
  t.after(() => peer.end());
  return [link, peer];
}

test("calls carry the signature until one is answered by the method", async (t) => {
  const [link, peer] = await connect(t);
  const client = link.client(Everything);
  const answered = async (payload: number[]): Promise<unknown> => {
    const call = client.divide(7n, 2n).catch((error: unknown) => (error as RoamError).code);
    const { id, metadata } = await peer.expect("Request");
    peer.send({ tag: "Response", id: id!, payload });
    await call;
    return metadata;
  };
  const unknown = [1, 1];
  const [own, value] = [
    [1, 0, 0],
    [0, 6],
  ];
  for (const payload of [unknown, unknown, own]) assert.deepEqual(await answered(payload), [signature(ours)]);
  for (const payload of [value, unknown, value]) assert.deepEqual(await answered(payload), []);
});

test("all first calls carry the signature, beside other metadata", async (t) => {
  const [link, peer] = await connect(t, { token: "t" });
  const { divide } = link.client(Everything);
  const token = ["authorization", { tag: "String", value: "Bearer t" }];
  const entry = ["tenant", { tag: "String", value: "acme" }];
  for (const options of [{}, { metadata: { tenant: "acme" } }]) void divide(7n, 2n, options).catch(() => undefined);
  assert.deepEqual((await peer.expect("Request")).metadata, [token, signature(ours)]);
  assert.deepEqual((await peer.expect("Request")).metadata, [token, entry, signature(ours)]);
});

test("an answer that says so fails the call with its own code", async (t) => {
  const [link, peer] = await connect(t);
  const call = link.client(Everything).divide(7n, 2n);
  const { id } = await peer.expect("Request");
  const reason = "Everything.divide has the signature 0x1 at the handler, 0x2 at the caller";
  const metadata = [
    ["roam-error", { tag: "String", value: "signature-mismatch" }],
    ["roam-error-reason", { tag: "String", value: reason }],
  ];
  peer.send({ tag: "Response", id: id!, payload: [1, 3], metadata });
  await assert.rejects(call, (error) => {
    assert(error instanceof RoamError, String(error));
    assert.deepEqual([error.code, error.reason], ["signature-mismatch", reason]);
    return true;
  });
});

test("a call with another signature is refused before anything is decoded", async (t) => {
  const [link, peer] = await connect(t);
  const called: Metadata[] = [];
  const handler = {
    divide: (_1: bigint, _2: bigint, { metadata }: { metadata: Metadata }) => (called.push(metadata), 3n),
  };
  const others = Object.fromEntries(Everything.methods.map(({ name }) => [name, () => assert.fail(name)]));
  link.serve(Everything, { ...others, ...handler } as unknown as EverythingHandler);
  let id = 0n;
  const answerOf = async (metadata: unknown[], payload = [14, 4]): Promise<Message> => {
    id += 2n;
    peer.send({ tag: "Request", id, method, payload, metadata });
    return peer.expect("Response");
  };
  const expected = `Everything.divide has the signature ${divide.signature} at the handler, 0x0000000000000001 at the caller`;
  for (const payload of [[14, 4], [14]]) {
    const refused = await answerOf([signature(1n)], payload);
    assert.deepEqual([...refused.payload!], [1, 3]);
    assert.deepEqual(refused.metadata, [
      ["roam-error-reason", { tag: "String", value: expected }],
      ["roam-error", { tag: "String", value: "signature-mismatch" }],
    ]);
  }
  assert.deepEqual(called, []);
  for (const metadata of [[signature(ours)], [], [["roam-signature", { tag: "String", value: "1" }]]])
    assert.deepEqual([...(await answerOf(metadata)).payload!], [0, 6]);
  // Handlers see the metadata of the first call as that of any other.
  assert.deepEqual(called, [[], [], []]);
});

test("the channels of a call with another signature are reset", async (t) => {
  const [link, peer] = await connect(t);
  const handlers = Object.fromEntries(Everything.methods.map(({ name }) => [name, () => assert.fail(name)]));
  link.serve(Everything, handlers as unknown as EverythingHandler);
  peer.send({
    tag: "Request",
    id: 2n,
    method: BigInt(sum.id),
    metadata: [signature(1n)],
    channels: [2n],
    payload: [0],
  });
  // A failure ends the channels of its call.
  assert.deepEqual([...(await peer.expect("Response")).payload!], [1, 3]);
  assert.equal(link.stats().channels, 0);
});
