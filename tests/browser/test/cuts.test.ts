/** Links of a page go on over a network that fails. */
import assert from "node:assert/strict";
import { CUTS, Network, NUMBERS } from "../harness/network.js";
import { test } from "../harness/test.js";

test("cuts of a page's link lose nothing, and nothing comes twice", async (lab) => {
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  await network.cutNext(CUTS);
  const report = await tab.evaluate((total) => core.streams("/rpc", total), NUMBERS);
  const tally = { count: NUMBERS, in_order: true };
  assert.deepEqual(report, { received: tally, sent: tally });
  await network.command(`wait accepted ${CUTS}`);
});

test("a cut is not a cancel, and a call that is cancelled while the link is cut ends", async (lab) => {
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  const [kept, cancelled] = [lab.key(), lab.key()];
  const held = await tab.evaluateHandle(
    async ([kept, cancelled]) => {
      const link = await roam.connect("/rpc");
      const controller = new AbortController();
      const calls = link.client(Calls);
      return {
        link,
        controller,
        kept: kit.failure(calls.hang(kept)),
        cancelled: kit.failure(calls.hang(cancelled, { signal: controller.signal })),
      };
    },
    [kept, cancelled] as const,
  );
  await server.watch.started(kept);
  await server.watch.started(cancelled);
  await network.command("refuse");
  await network.command("cut rst");
  await held.evaluate(({ controller }) => controller.abort());
  await network.command("accept");
  await server.watch.ended(cancelled);
  const answer = await held.evaluate(({ link }) => link.client(Calls).echo("still here"));
  assert.equal(answer, "still here");
  await held.evaluate(({ link }) => link.close());
  await server.watch.ended(kept);
});

test("a page whose network comes back finds out at once that its socket is dead", async (lab) => {
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  const held = await tab.evaluateHandle(async () => ({ link: await roam.connect("/rpc") }));
  // The last connection is that of the link.
  const numbers = [...(await network.command("status")).matchAll(/#(\d+)/g)].map(([, number]) => Number(number));
  await network.command(`#${Math.max(...numbers)} dark swallow`);
  const answer = await held.evaluate(({ link }) => {
    globalThis.dispatchEvent(new Event("online"));
    return link.client(Calls).echo("back");
  });
  assert.equal(answer, "back");
});

test("a socket that never opens gives way to another", async (lab) => {
  const server = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  const held = await tab.evaluateHandle(async () => ({
    link: await roam.connect("/rpc", { handshakeTimeoutMs: 1_000 }),
  }));
  await network.command("ignore");
  await network.command("cut rst");
  const attempts = tab.evaluate(
    ({ link }) =>
      new Promise<void>((resolve) =>
        link.state.subscribe(() => {
          const state = link.state.current;
          if (state.status === "reconnecting" && state.attempt > 1) resolve();
        }),
      ),
    held,
  );
  await attempts;
  await network.command("accept");
  assert.equal(await held.evaluate(({ link }) => link.client(Calls).echo("back")), "back");
});

test("a restarted server ends the old link at once", async (lab) => {
  const server = await lab.ownServer();
  const restarted = await lab.ownServer();
  await using network = await Network.start(server.url);
  lab.toleratePageErrors(/WebSocket connection to .* failed/);
  const tab = await lab.open(network.url);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    return { link, call: kit.failure(link.client(Calls).hang(key)) };
  }, key);
  await server.watch.started(key);
  await network.command(`upstream ${new URL(restarted.url).host}`);
  await network.command("cut rst");
  const report = await held.evaluate(async ({ link, call }) => [(await link.closed).reason, (await call)?.code]);
  assert.deepEqual(report, ["refused with code 4404: no such link", "closed"]);
});
