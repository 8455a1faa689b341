// Errors for what exceeds a limit name the limit, both sizes, and the setting.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything, type EverythingHandler } from "../../../roam-codegen/tests/golden/everything.js";
import { channel, RoamError, type RoamErrorCode } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { Peer } from "./peer.js";

async function connect(t: TestContext): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  return [link, peer];
}

const failsWith = (code: RoamErrorCode, reason: string) => (error: unknown) => {
  assert(error instanceof RoamError, String(error));
  assert.deepEqual([error.code, error.reason], [code, reason]);
  return true;
};

test("an argument that is too large fails the call", async (t) => {
  const [link] = await connect(t);
  const { scalars } = link.client(Everything);
  const reason = "a payload of 5017 bytes exceeds the limit of 1024 bytes: maxPayloadSize, the smaller of both peers";
  const call = scalars(true, 1, 1, "a", "a".repeat(5_000));
  await assert.rejects(call, failsWith("too-large", reason));
});

test("an element that is too large fails its send, and the channel goes on", async (t) => {
  const [link, peer] = await connect(t);
  const [tx, rx] = channel<string>();
  link
    .client(Everything)
    .transform(rx)
    .result.catch(() => undefined);
  const { channels } = await peer.expect("Request");
  const reason =
    "an element of 101 bytes exceeds the limit of 32 bytes: " +
    "maxPayloadSize and, with a server that only knows version 2, half of initialChannelCredit, the smaller of both peers";
  await assert.rejects(tx.send("a".repeat(100)), failsWith("too-large", reason));
  await tx.send("a");
  assert.equal((await peer.expect("Data")).channel, channels![0]);
});

test("metadata that is too long fails the call", async (t) => {
  const [link] = await connect(t);
  const { divide } = link.client(Everything);
  const long = (metadata: Record<string, string>): Promise<bigint> => divide(1, 1, { metadata });
  const value = "call.metadata.limits: a metadata value of 20000 bytes, MAX_VALUE is 16384";
  await assert.rejects(long({ key: "x".repeat(20_000) }), failsWith("invalid-argument", value));
  const key = "call.metadata.limits: a metadata key of 300 bytes, MAX_KEY is 256";
  await assert.rejects(long({ ["k".repeat(300)]: "" }), failsWith("invalid-argument", key));
  const entries = Array.from({ length: 5 }, (_, index) => [String(index), "x".repeat(16_000)]);
  const total = "call.metadata.limits: metadata of at least 80005 bytes, MAX_TOTAL is 65536";
  await assert.rejects(
    long(Object.fromEntries(entries) as Record<string, string>),
    failsWith("invalid-argument", total),
  );
});

test("an answer that is too large says so to the caller", async (t) => {
  const [link, peer] = await connect(t);
  const global = globalThis as { reportError?: unknown };
  global.reportError = () => undefined;
  t.after(() => delete global.reportError);
  const others = Object.fromEntries(Everything.methods.map(({ name }) => [name, () => undefined]));
  const message = (): unknown => ({ tag: "Text", value: "a".repeat(5_000) });
  link.serve(Everything, { ...others, message } as unknown as EverythingHandler);
  const { id: method } = Everything.methods.find(({ name }) => name === "message")!;
  peer.send({ tag: "Request", id: 2n, method: BigInt(method), payload: [0] });
  const { metadata } = await peer.expect("Response");
  const reason = "a payload of 5004 bytes exceeds the limit of 1024 bytes: maxPayloadSize, the smaller of both peers";
  assert.deepEqual(metadata, [
    ["roam-error-reason", { tag: "String", value: reason }],
    ["roam-error", { tag: "String", value: "too-large" }],
  ]);
});
