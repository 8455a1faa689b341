// Opening and closing links.
import assert from "node:assert/strict";
import { once } from "node:events";
import test, { type TestContext } from "node:test";

import { WebSocket, type WebSocketServer } from "ws";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { connect, RoamError, type RoamErrorCode } from "../src/index.js";
import { listen, Peer, urlOf } from "./peer.js";

const failsWith = (code: RoamErrorCode, reason: RegExp) => (error: unknown) => {
  assert(error instanceof RoamError, String(error));
  assert.equal(error.code, code);
  assert.match(error.reason, reason);
  return true;
};

async function server(t: TestContext, onSocket: (socket: WebSocket) => void): Promise<string> {
  const server: WebSocketServer = await listen();
  server.on("connection", onSocket);
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return urlOf(server);
}

test("rejects a malformed address", async () => {
  await assert.rejects(connect("not an address"), failsWith("invalid-argument", /"not an address" is not a URL/));
  await assert.rejects(connect("ftp://localhost/"), failsWith("invalid-argument", /ftp: is not one of ws:/));
  await assert.rejects(connect(""), failsWith("invalid-argument", /is not a URL/));
});

test("without a WebSocket the error says what to do", { skip: "WebSocket" in globalThis }, async () => {
  await assert.rejects(connect("ws://127.0.0.1:1"), failsWith("connect", /pass a class as the option WebSocket/));
});

test("no server at the address", async () => {
  await assert.rejects(connect("ws://127.0.0.1:1", { WebSocket }), failsWith("connect", /ECONNREFUSED|1006/));
});

test("server closes at once", async (t) => {
  const url = await server(t, (socket) => socket.close(1011, "no"));
  await assert.rejects(connect(url, { WebSocket }), failsWith("connect", /1011/));
});

test("server stays silent", async (t) => {
  const url = await server(t, () => undefined);
  await assert.rejects(connect(url, { WebSocket, handshakeTimeoutMs: 30 }), failsWith("connect", /./));
});

test("server speaks another protocol", async (t) => {
  const url = await server(t, (socket) => socket.send("hello"));
  await assert.rejects(connect(url, { WebSocket }), failsWith("connect", /message\.decode-error/));
});

test("an aborted signal prevents connecting", async () => {
  const signal = AbortSignal.abort(new RangeError("mine"));
  await assert.rejects(connect("ws://127.0.0.1:1", { WebSocket, signal }), RangeError);
});

test("a signal aborts connecting", async (t) => {
  const controller = new AbortController();
  const url = await server(t, () => controller.abort(new RangeError("mine")));
  await assert.rejects(connect(url, { WebSocket, signal: controller.signal }), RangeError);
});

test("close sends Goodbye, and later calls fail", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const everything = link.client(Everything);
  const answer = everything.sum([]);
  answer.catch(() => undefined);
  const closing = link.close("enough");
  await assert.rejects(answer, failsWith("closed", /enough/));
  await closing;
  assert.deepEqual(await link.closed, { kind: "local", reason: "enough" });
  await assert.rejects(everything.sum([]), failsWith("closed", /enough/));
  await link.close();
  for (;;) if ((await peer.expectAny()).tag === "Goodbye") break;
});

test("reports the reason of the peer's Goodbye", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const answer = link.client(Everything).divide(1, 2);
  await peer.expect("Request");
  peer.send({ tag: "Goodbye", reason: "going home" });
  await assert.rejects(answer, failsWith("closed", /going home/));
  assert.deepEqual(await link.closed, { kind: "goodbye", reason: "going home" });
});

test("a lost link fails everything in flight", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const everything = link.client(Everything);
  const answer = everything.divide(1, 2);
  const ticks = everything.ticks(1);
  const reading = ticks.next();
  reading.catch(() => undefined);
  await peer.expect("Request");
  await peer.expect("Request");
  peer.drop();
  await assert.rejects(answer, failsWith("closed", /./));
  await assert.rejects(reading, failsWith("closed", /./));
  await assert.rejects(ticks.next(), failsWith("closed", /./));
  await assert.rejects(ticks.result, failsWith("closed", /./));
  assert.equal((await link.closed).kind, "transport");
});

test("await using closes the link", async (t) => {
  let closed: Promise<unknown>;
  {
    const [given, peer] = await Peer.connect();
    t.after(() => peer.end());
    await using link = given;
    closed = link.closed;
  }
  assert.deepEqual(await closed, { kind: "local", reason: "" });
});

test("a link has statistics", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  void link
    .client(Everything)
    .sum([1])
    .catch(() => undefined);
  await peer.expect("Request");
  const stats = link.stats();
  assert.equal(stats.callsOut, 1);
  assert.equal(stats.callsIn, 0);
  assert(stats.bytesIn > 0 && stats.bytesOut > 0 && stats.framesIn > 0 && stats.framesOut > 0);
});

test("closes the socket of a failed handshake", async (t) => {
  const url = await server(t, () => undefined);
  const sockets: WebSocket[] = [];
  class Watched extends WebSocket {
    constructor(address: string, protocols?: string[]) {
      super(address, protocols);
      sockets.push(this);
    }
  }
  await assert.rejects(connect(url, { WebSocket: Watched, handshakeTimeoutMs: 30 }));
  const [socket] = sockets;
  if (socket!.readyState !== WebSocket.CLOSED) await once(socket!, "close");
});
