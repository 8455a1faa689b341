/** What a server tells a page of its link: codes, questions for tokens, and advice. */
import assert from "node:assert/strict";
import { Network } from "../harness/network.js";
import { test } from "../harness/test.js";

test("a server ends a link with a code and a reason", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const hanging = link.client(Calls).hang(key);
    const failing = hanging.catch((error: unknown) => (error as InstanceType<typeof roam.RoamError>).cause);
    void link.client(Links).end(4001, "signed out elsewhere").catch(kit.failure);
    return [await link.closed, await failing];
  }, lab.key());
  const info = { kind: "goodbye", reason: "signed out elsewhere", code: 4001 };
  assert.deepEqual(report, [info, info]);
});

test("a page closes a link with a code", async (lab) => {
  const tab = await lab.tab();
  const closed = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    await link.close({ code: 4002, reason: "done" });
    return link.closed;
  });
  assert.deepEqual(closed, { kind: "local", reason: "done", code: 4002 });
});

test("a page gives a new token while its streams go on", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    let tokens = 0;
    const link = await roam.connect("/rpc-tokens", { token: () => (++tokens < 12 ? "ann" : "bob") });
    const reading = kit.read(link.client(Streams).count(20_000));
    const names = new Set<string | null>();
    for (let i = 0; i < 10; i++) names.add(await link.client(Links).ask());
    const { values } = await reading;
    const inOrder = values.every((value, at) => value === at);
    // Bob is somebody else.
    await kit.failure(link.client(Links).ask());
    return { names: [...names], count: values.length, inOrder, closed: await link.closed };
  });
  const closed = { kind: "goodbye", reason: "the link belongs to another principal", code: 4403 };
  assert.deepEqual(report, { names: ["ann"], count: 20_000, inOrder: true, closed });
});

test("an expired token ends the link of a page that comes back", async (lab) => {
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  const held = await tab.evaluateHandle(async () => {
    const tokens = ["ann"];
    return { link: await roam.connect("/rpc-tokens", { token: () => tokens.pop() ?? "expired" }) };
  });
  await network.command("cut rst");
  const closed = await held.evaluate(({ link }) => link.closed);
  assert.deepEqual(closed, { kind: "transport", reason: "refused with code 4401: sign in again", code: 4401 });
});

test("a link goes on with another socket when the server advises so", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    let opened = (): void => undefined;
    let sockets = 0;
    class Counted extends WebSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets += 1;
        this.addEventListener("open", () => opened());
      }
    }
    const link = await roam.connect("/rpc", { WebSocket: Counted });
    const states: string[] = [];
    link.state.subscribe(() => states.push(link.state.current.status));
    const reading = kit.read(link.client(Streams).count(50_000));
    for (let i = 0; i < 10; i++) {
      const another = new Promise<void>((resolve) => (opened = resolve));
      await link.client(Links).advise(false);
      await another;
      await link.client(Calls).echo("still here");
    }
    const { values } = await reading;
    return { count: values.length, inOrder: values.every((value, at) => value === at), states, sockets };
  });
  assert.deepEqual(report, { count: 50_000, inOrder: true, states: [], sockets: 11 });
});

test("a page learns that it should open another link", async (lab) => {
  const tab = await lab.tab();
  const answer = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    await link.client(Links).advise(true);
    await link.draining;
    const another = await roam.connect("/rpc");
    const answers = await Promise.all([link, another].map((link) => link.client(Calls).echo("here")));
    await link.close();
    return answers.join();
  });
  assert.equal(answer, "here,here");
});
