/** Diagnostics of a link, and introspection of its server. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("diagnostics list the calls and channels in flight", async (lab) => {
  const tab = await lab.tab();
  const { busy, after } = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    link.diagnostics();
    const controller = new AbortController();
    const hanging = kit.failure(link.client(Calls).hang(key, { signal: controller.signal }));
    const numbers = link.client(Streams).count(1_000_000);
    await numbers.next();
    const busy = link.diagnostics();
    controller.abort();
    await hanging;
    await numbers.return();
    // The call ends when its handler notices that the page stopped reading.
    await kit.failure(numbers.result);
    const after = link.diagnostics();
    await link.close();
    return { busy, after };
  }, lab.key());
  assert.deepEqual(
    busy.calls.map(({ direction, method, state }) => [direction, method, state]),
    [
      ["out", "Calls.hang", "waiting"],
      ["out", "Streams.count", "waiting"],
    ],
  );
  const [stream, ...others] = busy.channels;
  assert.deepEqual([stream?.direction, stream?.method, others], ["receive", "Streams.count", []]);
  for (const { ageMs } of [...busy.calls, stream!]) assert(ageMs! >= 0 && ageMs! < 30_000);
  assert.deepEqual([after.calls, after.channels], [[], []]);
});

test("introspection calls a server without a generated file", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const server = await introspect(link);
    const [calls, streams] = [server.client("Calls"), server.client("Streams")];
    const echoed = await calls["echo"]!("hello");
    const counted = await kit.read(streams["count"]!(3) as AsyncIterable<number>);
    const unknown = await kit.failureOf(() => server.client("Nothing"));
    await link.close();
    return [server.services.map(({ name }) => name), echoed, counted.values, unknown?.code];
  });
  const services = ["Values", "Calls", "Streams", "Endings", "Links", "Parcels", "Sockets", "Watch"];
  assert.deepEqual(report, [services, "hello", [0, 1, 2], "TypeError"]);
});
