/** A server that is killed under load and started again on its port: its clients, here in Node, connect again. */
import assert from "node:assert/strict";
import { type Link, RoamError } from "@roam-rpc/client";
import { Calls } from "../gen/calls.js";
import { Streams } from "../gen/streams.js";
import { Server } from "../harness/server.js";
import { test } from "../harness/test.js";

const CLIENTS = 50;
/** Clients should be back within 5 s; a busy machine has more time. */
const BACK_MS = 10_000;

test("clients of a server that is killed under load come back", async (lab) => {
  const server = await lab.ownServer();
  const { url, watch } = server;
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      // Endless streams with megabytes in flight would leave no time for the calls.
      const link = await Server.connect(url, { channelWindow: 16 * 1024 });
      const keys = [lab.key(), lab.key(), lab.key()] as const;
      const ends = load(link, keys);
      await Promise.all(keys.map((key) => watch.started(key)));
      return { link, ends };
    }),
  );
  await server.kill();
  await Promise.all(clients.map(({ link }) => untilCut(link)));
  const late = clients.map(({ link }) => ending(link.client(Calls).echo("late")));
  await lab.ownServer(Number(new URL(url).port));
  const restarted = Date.now();
  const back = await Promise.all(
    clients.map(async ({ link }) => {
      assert.equal((await link.closed).reason, "refused with code 4404: no such link");
      await using again = await Server.connect(url);
      assert.equal(await again.client(Calls).echo("back"), "back");
      return Date.now() - restarted;
    }),
  );
  const ends = await Promise.all([...late, ...clients.flatMap(({ ends }) => ends)]);
  assert.deepEqual(new Set(ends), new Set(["closed"]));
  back.sort((a, b) => a - b);
  const most = Math.max(...back.map((from) => back.filter((at) => at >= from && at < from + 100).length));
  const half = back[CLIENTS >> 1];
  lab.note(`back after ${back[0]} to ${back.at(-1)} ms, half within ${half} ms, at most ${most} in 100 ms`);
  assert.ok(back.at(-1)! < BACK_MS, "the last client was back too late");
  assert.ok(most < CLIENTS, "all clients came back at once");
});

/** Keeps a link busy with calls and with streams both ways. Returns how each of them ends. */
function load(link: Link, [hanging, receiving, sending]: readonly [string, string, string]): Promise<string>[] {
  const { hang, echo } = link.client(Calls);
  const { pour, drain } = link.client(Streams);
  const numbers = async function* (): AsyncGenerator<number> {
    for (;;) {
      yield 1;
      await echo("");
    }
  };
  const read = async (): Promise<void> => {
    for await (const _ of pour(receiving, 1_000)) await echo("");
  };
  const call = async (): Promise<never> => {
    for (;;) await echo("");
  };
  return [hang(hanging), read(), drain(sending, numbers()), call()].map(ending);
}

/** Returns the code of the error that ends something, or that nothing did. */
async function ending(running: PromiseLike<unknown>): Promise<string> {
  try {
    await running;
    return "nothing";
  } catch (error) {
    return error instanceof RoamError ? error.code : String(error);
  }
}

/** Waits until a link has lost its socket. */
function untilCut(link: Link): Promise<void> {
  return new Promise((resolve) => {
    const stop = link.state.subscribe(() => look());
    const look = (): void => {
      if (link.state.current.status === "open") return;
      stop();
      resolve();
    };
    look();
  });
}
