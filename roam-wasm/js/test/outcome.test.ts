// The outcomes of calls, in both directions.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { RoamError, type RoamErrorCode, userError } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { Peer } from "./peer.js";

const { id: divide } = Everything.methods.find(({ name }) => name === "divide")!;

async function connect(t: TestContext): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  return [link, peer];
}

/** The metadata of a failure. */
const named = (name: string): unknown[] => [["roam-error", { tag: "String", value: name }]];

test("answers become values and errors", async (t) => {
  const [link, peer] = await connect(t);
  const { divide } = link.client(Everything);
  const answer = async (payload: number[], metadata: unknown[] = []): Promise<bigint> => {
    const call = divide(7n, 2n);
    const { id } = await peer.expect("Request");
    peer.send({ tag: "Response", id: id!, payload, metadata });
    return call;
  };
  assert.equal(await answer([0, 6]), 3n);
  const cases: [code: RoamErrorCode, reason: string, payload: number[], metadata?: unknown[]][] = [
    ["user", "DivisionByZero", [1, 0, 0]],
    ["unknown-method", "the peer does not serve this method; do the generated files differ?", [1, 1]],
    ["invalid-payload", "the peer failed to decode the arguments", [1, 2]],
    ["cancelled", "the peer stopped the call", [1, 3]],
    ["cancelled", "the peer stopped the call", [1, 3], named("a name of the future")],
    ["panic", "the handler failed", [1, 3], named("panic")],
    ["too-large", "the answer exceeds the payload limit", [1, 3], named("too-large")],
    ["busy", "the peer has too many calls", [1, 3], named("busy")],
    ["deadline", "the deadline passed", [1, 3], named("deadline")],
    ["unavailable", "the server behind the peer is unreachable", [1, 3], named("unavailable")],
    ["nonce-reused", "the nonce was used for another call", [1, 3], named("nonce-reused")],
    ["nonce-spent", "a call with this nonce was already answered", [1, 3], named("nonce-spent")],
    ["unauthenticated", "the peer does not know who we are", [1, 3], named("unauthenticated")],
    ["permission-denied", "we may not do this", [1, 3], named("permission-denied")],
    ["resource-exhausted", "we have used up our share", [1, 3], named("resource-exhausted")],
    ["failed-precondition", "the system is not in the state that the call needs", [1, 3], named("failed-precondition")],
    ["signature-mismatch", "the peer's method has another signature", [1, 3], named("signature-mismatch")],
    ...[[], [2], [1], [1, 4]].map((payload): [RoamErrorCode, string, number[]] => [
      "protocol",
      "failed to decode the answer: neither a value nor an error",
      payload,
    ]),
  ];
  for (const [code, reason, payload, metadata] of cases) {
    await assert.rejects(answer(payload, metadata), (error) => {
      assert(error instanceof RoamError, String(error));
      assert.deepEqual([error.code, error.reason, error.method], [code, reason, "Everything.divide"]);
      return true;
    });
  }
});

test("a refusal says why and when to try again", async (t) => {
  const [link, peer] = await connect(t);
  const call = link.client(Everything).divide(7n, 2n);
  const { id } = await peer.expect("Request");
  const metadata = [
    ...named("resource-exhausted"),
    ["roam-error-reason", { tag: "String", value: "3 calls a minute" }],
    ["roam-retry-after-ms", { tag: "U64", value: 20_000n }],
  ];
  peer.send({ tag: "Response", id: id!, payload: [1, 3], metadata });
  await assert.rejects(call, (error) => {
    assert(error instanceof RoamError, String(error));
    assert.deepEqual(
      [error.code, error.reason, error.retryAfterMs],
      ["resource-exhausted", "3 calls a minute", 20_000],
    );
    return true;
  });
});

test("results and errors of handlers become answers", async (t) => {
  const [link, peer] = await connect(t);
  const reported: unknown[] = [];
  const global = globalThis as { reportError?: unknown };
  global.reportError = (error: unknown) => reported.push(error);
  t.after(() => delete global.reportError);
  let handler: () => unknown;
  const handlers = new Proxy({}, { get: () => () => handler() });
  link.serve(Everything, handlers as never);
  let id = 0n;
  const answerOf = async (given: () => unknown, args: number[] = [14, 4]): Promise<[number[], unknown]> => {
    handler = given;
    id += 1n;
    peer.send({ tag: "Request", id, method: BigInt(divide), payload: args });
    const { payload, metadata } = await peer.expect("Response");
    return [[...payload!], metadata];
  };
  const fail = (error: unknown) => (): never => {
    throw error;
  };
  assert.deepEqual(await answerOf(() => 3n), [[0, 6], []]);
  assert.deepEqual(await answerOf(fail(userError({ tag: "DivisionByZero" }))), [[1, 0, 0], []]);
  assert.deepEqual(await answerOf(() => 3n, [14]), [[1, 2], []]);
  assert.deepEqual(await answerOf(fail(new RoamError("reset", ""))), [[1, 3], []]);
  assert.deepEqual(await answerOf(fail(new Error("a bug"))), [[1, 3], named("panic")]);
  assert.deepEqual(await answerOf(fail(new RoamError("too-large", ""))), [[1, 3], named("too-large")]);
  assert.equal(reported.length, 2);
  const denied = new RoamError("permission-denied", "only for owners");
  const why = ["roam-error-reason", { tag: "String", value: "only for owners" }];
  assert.deepEqual(await answerOf(fail(denied)), [
    [1, 3],
    [why, ...named("permission-denied")],
  ]);
  const limited = new RoamError("resource-exhausted", "ä".repeat(600), { retryAfterMs: 1_500 });
  const cut = ["roam-error-reason", { tag: "String", value: "ä".repeat(512) }];
  const delay = ["roam-retry-after-ms", { tag: "U64", value: 1_500n }];
  assert.deepEqual(await answerOf(fail(limited)), [
    [1, 3],
    [cut, delay, ...named("resource-exhausted")],
  ]);
  // What a call of the handler's own ran into concerns nobody else.
  const elsewhere = new RoamError("permission-denied", "not you", { method: "Other.method" });
  assert.deepEqual(await answerOf(fail(elsewhere)), [[1, 3], named("panic")]);
  assert.equal(reported.length, 3);
});
