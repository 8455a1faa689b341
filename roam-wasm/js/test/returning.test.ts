// Links that go on with another socket, on the wire.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { WebSocket } from "ws";

import { connect, type Link, RoamError } from "../src/index.js";
import { numbered, type Socket } from "./numbered.js";

/** Returns a link, its socket at the server, and a function that waits for the next. */
async function open(t: TestContext): Promise<[Link, Socket, () => Promise<Socket>]> {
  const [url, next] = await numbered(t);
  const linking = connect(url, { WebSocket });
  const socket = await next();
  await socket.accept();
  return [await linking, socket, next];
}

/** Refused 4500 "later", again after 100 ms. */
const LATER = "06941105" + "6c61746572" + "65";

test("a socket that is refused for now gives way to another when the server said", async (t) => {
  const [link, socket, next] = await open(t);
  socket.cut();
  const refused = await next();
  await refused.next("04");
  const refusedAt = performance.now();
  refused.send(LATER);
  refused.close(4500, "later");
  const again = await next();
  // Timers of Node may be a millisecond early.
  assert(performance.now() - refusedAt >= 98);
  await again.resume(2);
  again.send("0200" + "07");
  assert.match(await again.next("03"), /^03..07$/);
  assert.equal(link.state.current.status, "open");
  await link.close();
});

test("a new link that is refused fails, and the error has the time", async (t) => {
  const [url, next] = await numbered(t);
  const linking = connect(url, { WebSocket }).catch((error: unknown) => error);
  const socket = await next();
  await socket.next("04");
  socket.send(LATER);
  const error = await linking;
  assert(error instanceof RoamError);
  assert.deepEqual([error.code, error.retryAfterMs], ["connect", 100]);
});
