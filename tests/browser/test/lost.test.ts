/** The server is killed: everything in flight fails. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("a lost link rejects every promise and makes every iterator throw", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const keys = [lab.key(), lab.key(), lab.key(), lab.key(), lab.key()] as const;
  const held = await tab.evaluateHandle(async ([hanging, receiving, held, sending, blocked]) => {
    const link = await roam.connect("/rpc-unkept");
    const { countOn, pour, drain, hesitate } = link.client(Streams);
    const { numbers, sum } = await link.client(Parcels).adder();
    const endless = async function* (): AsyncGenerator<number> {
      for (;;) yield 1;
    };
    const [tx, rx] = roam.channel<Uint8Array<ArrayBuffer>>();
    const fill = async (): Promise<never> => {
      for (;;) await tx.send(new Uint8Array(10_000));
    };
    const unread = pour(held, 1_000);
    await unread.next();
    // Each must fail with the same code.
    const pending = {
      call: link.client(Calls).hang(hanging),
      reader: (async () => {
        for await (const number of countOn(receiving)) void number;
      })(),
      source: drain(sending, endless()),
      blockedCall: hesitate(blocked, rx),
      blockedSend: fill(),
      returnedReader: sum.next(),
    };
    const failures = Promise.all(
      Object.entries(pending).map(async ([name, promise]) => [name, (await kit.failure(promise))?.code]),
    );
    return { link, failures, unread, numbers };
  }, keys);
  for (const key of keys) await server.watch.started(key);
  await server.kill();

  assert.deepEqual(Object.fromEntries(await held.evaluate(({ failures }) => failures)), {
    call: "closed",
    reader: "closed",
    source: "closed",
    blockedCall: "closed",
    blockedSend: "closed",
    returnedReader: "closed",
  });
  const later = await held.evaluate(async ({ link, unread, numbers }) => ({
    closed: (await link.closed).kind,
    // Received elements may be read, but the stream must not end cleanly.
    unread: (await kit.read(unread)).failure?.code,
    result: (await kit.failure(unread.result))?.code,
    send: (await kit.failure(numbers.send(1)))?.code,
    call: (await kit.failure(link.client(Calls).echo("")))?.code,
  }));
  assert.deepEqual(later, { closed: "transport", unread: "closed", result: "closed", send: "closed", call: "closed" });
});

test("a lost link fails an upload and cancels its source", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc-unkept");
    const cancelled = kit.deferred<string>();
    const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
      cancel: () => cancelled.resolve("cancelled"),
    });
    return { upload: kit.failure(link.client(Streams).hesitate(key, source)), cancelled: cancelled.promise };
  }, key);
  await server.watch.started(key);
  await server.kill();
  const report = await held.evaluate(async ({ upload, cancelled }) => [(await upload)?.code, await cancelled]);
  assert.deepEqual(report, ["closed", "cancelled"]);
});
