// Links that end with a code, on the wire.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { WebSocket } from "ws";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { connect, type Link, RoamError } from "../src/index.js";
import { numbered, type Socket } from "./numbered.js";

/** Returns a link and its socket at the server. */
async function open(t: TestContext): Promise<[Link, Socket]> {
  const [url, next] = await numbered(t);
  const linking = connect(url, { WebSocket });
  const socket = await next();
  await socket.accept();
  const link = await linking;
  // It would come back for two minutes.
  t.after(() => link.close());
  return [link, socket];
}

test("a link that is closed with a code tells it, and closes the socket with it", async (t) => {
  const [link, socket] = await open(t);
  await link.close({ code: 4001, reason: "moved" });
  assert.deepEqual(await link.closed, { kind: "local", reason: "moved", code: 4001 });
  // Data 2 with End.
  assert.equal(await socket.next("0002"), "00020109" + "0fa11f056d6f766564");
  assert.deepEqual(await socket.closed, { code: 4001, reason: "moved" });
});

test("a code that is none of the application's is refused", async (t) => {
  const [link] = await open(t);
  for (const code of [999, 1001, 3999, 4000.5, 5000, NaN]) {
    await assert.rejects(link.close({ code }), { code: "invalid-argument" });
  }
  await link.close({ reason: "enough" });
  assert.deepEqual(await link.closed, { kind: "local", reason: "enough" });
});

test("the server's code is in what `closed` resolves to, and in the cause of every error", async (t) => {
  const [link, socket] = await open(t);
  const call = link.client(Everything).sum([]);
  call.catch(() => undefined);
  socket.send("00020109" + "0fa11f056d6f766564");
  const info = { kind: "goodbye", reason: "moved", code: 4001 };
  assert.deepEqual(await link.closed, info);
  for (const failing of [call, link.client(Everything).sum([])]) {
    const error: unknown = await failing.catch((error: unknown) => error);
    assert(error instanceof RoamError);
    assert.deepEqual([error.code, error.cause], ["closed", info]);
  }
});

test("the code of a refusal is in the cause of the error", async (t) => {
  const [url, next] = await numbered(t);
  const linking = connect(url, { WebSocket }).catch((error: unknown) => error);
  const socket = await next();
  await socket.next("04");
  // 4401 "who?"
  socket.send("06b1220477686f3f00");
  const error = await linking;
  assert(error instanceof RoamError);
  const cause = { kind: "transport", reason: "refused with code 4401: who?", code: 4401 };
  assert.deepEqual([error.code, error.cause], ["connect", cause]);
});
