// Links that go on with another socket, on the wire.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { WebSocket } from "ws";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import { connect, type ConnectOptions, type Link, RoamError } from "../src/index.js";
import { numbered, type Socket } from "./numbered.js";

/** Returns a link, its socket at the server, and a function that waits for the next. */
async function open(t: TestContext, options: ConnectOptions = {}): Promise<[Link, Socket, () => Promise<Socket>]> {
  const [url, next] = await numbered(t);
  const linking = connect(url, { WebSocket, ...options });
  const socket = await next();
  await socket.accept();
  const link = await linking;
  // It would come back for two minutes.
  t.after(() => link.close());
  return [link, socket, next];
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

/** Metadata with `authorization: Bearer …`, in hex. */
const bearer = (token: string): string => {
  const text = (text: string): string => Buffer.from([text.length, ...Buffer.from(text)]).toString("hex");
  return `01${text("authorization")}00${text(`Bearer ${token}`)}`;
};

test("a token that the server asks for is given in place, and calls send it", async (t) => {
  let tokens = 0;
  const [link, socket] = await open(t, { token: () => `t${++tokens}` });
  // Asked for, within 300 ms; once more while there is no answer.
  socket.send("0700ac02");
  socket.send("0700ac02");
  assert.equal(await socket.next("07"), "0701" + bearer("t2"));
  socket.send("0700ac02");
  assert.equal(await socket.next("07"), "0701" + bearer("t3"));
  assert.equal(tokens, 3);
  link
    .client(Everything)
    .sum([])
    .catch(() => undefined);
  const call = await socket.next("00");
  assert(call.includes(Buffer.from("Bearer t3").toString("hex")));
  assert.equal(link.state.current.status, "open");
});

test("a token function that fails gives no token", async (t) => {
  let tokens = 0;
  const token = async (): Promise<string> => {
    if (++tokens === 2) throw new Error("signed out");
    return "t";
  };
  const [link, socket] = await open(t, { token });
  socket.send("0700ac02");
  // Data 2 with End 4401 "late".
  socket.send("00020108" + "0fb122046c617465");
  assert.deepEqual(await link.closed, { kind: "goodbye", reason: "late", code: 4401 });
});

test("a link that is advised to goes on with another socket", async (t) => {
  const [link, first, next] = await open(t);
  const states: string[] = [];
  link.state.subscribe(() => states.push(link.state.current.status));
  const call = link.client(Everything).sum([]);
  await first.next("00");
  // Drain, to another transport, within 1 ms.
  first.send("08000001");
  const second = await next();
  await second.resume(1);
  await first.closed;
  const request = await second.next("00");
  assert.match(request, /^0002/, "the call is sent again");
  // Data 2: a response to call 1, with 7.
  second.send("00020209" + "06000100000003000e");
  await call.catch(() => undefined);
  await link.close();
  assert.deepEqual(states, ["closed"]);
});

test("a link stays on its socket until there is another", async (t) => {
  let opened = 0;
  let failed!: () => void;
  const failure = new Promise<void>((resolve) => (failed = resolve));
  class Flaky extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      // Nobody listens there.
      super(++opened === 2 ? "ws://127.0.0.1:1" : url, protocols);
      if (opened === 2) this.on("close", failed);
    }
  }
  const [link, first] = await open(t, { WebSocket: Flaky });
  first.send("08000001");
  await failure;
  // Ping.
  first.send("020005");
  assert.match(await first.next("03"), /05$/);
  assert.equal(link.state.current.status, "open");
  await link.close();
});

test("the advice to open another link is told when it is due", async (t) => {
  const [link, socket] = await open(t);
  let drained = false;
  const draining = link.draining.then(() => (drained = true));
  // Drain, to another link: in an hour, then within 1 ms.
  socket.send("080180dddb0180dddb01");
  socket.send("020005");
  await socket.next("03");
  assert(!drained);
  socket.send("08010001");
  await draining;
  assert.equal(link.state.current.status, "open");
  await link.close();
});

test("however often a server advises, one socket is opened at a time", async (t) => {
  let opened = 0;
  let release!: () => void;
  class Slow extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      opened += 1;
      if (opened !== 2) return;
      // It seems to open later.
      this.on("open", () => (release = () => this.onopen?.({ type: "open", target: this })));
      Object.defineProperty(this, "onopen", { writable: true, value: null });
    }
  }
  const [link, first, next] = await open(t, { WebSocket: Slow });
  for (let i = 0; i < 100; i++) {
    first.send("08000000");
    first.send("020005");
    await first.next("03");
  }
  const second = await next();
  assert.equal(opened, 2);
  release();
  await second.resume(1);
  await first.closed;
  assert.equal(link.state.current.status, "open");
});
