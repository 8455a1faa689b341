/** Calls and streams that the page ends, which also ends their handlers on the server. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("breaking out of a for await loop ends the handler", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const result = await tab.evaluate(async (key) => {
    const stream = (await roam.connect("/rpc")).client(Streams).countOn(key);
    const { result } = stream;
    for await (const number of stream) if (number === 10) break;
    return result;
  }, key);
  assert.equal((await watch.ended(key)).phase, "Finished");
  assert.equal(result, undefined);
});

test("an exception, return() and a Web Stream's cancel() end the handler", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const keys = [lab.key(), lab.key(), lab.key()] as const;
  const thrown = await tab.evaluate(async ([first, second, third]) => {
    const { countOn } = (await roam.connect("/rpc")).client(Streams);
    const loop = async (): Promise<void> => {
      for await (const number of countOn(first)) if (number === 10) throw new RangeError("enough");
    };
    const failure = await kit.failure(loop());
    const stream = countOn(second);
    await stream.next();
    await stream.return();
    const reader = countOn(third).readable().getReader();
    await reader.read();
    await reader.cancel();
    return failure;
  }, keys);
  assert.equal(thrown?.code, "RangeError");
  for (const key of keys) await watch.ended(key);
});

test("breaking out of quiet streams cancels their calls, which leave no places taken", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const prefix = lab.key();
  // One more than the calls that a server answers at a time.
  const COUNT = 257;
  const report = await tab.evaluate(
    async ([prefix, count]) => {
      const link = await roam.connect("/rpc");
      const { fallSilent } = link.client(Streams);
      const times: number[] = [];
      for (let index = 0; index < count; index++) {
        for await (const number of fallSilent(`${prefix} ${index}`)) if (number === 0) break;
        const left = performance.now();
        await link.client(Watch).ended(`${prefix} ${index}`);
        times.push(performance.now() - left);
      }
      const { callsOut, channels } = link.stats();
      const median = times.sort((a, b) => a - b)[count >> 1]!;
      return { echo: await link.client(Calls).echo("still here"), callsOut, channels, median };
    },
    [prefix, COUNT] as const,
  );
  const { median, ...rest } = report;
  assert.deepEqual(rest, { echo: "still here", callsOut: 0, channels: 0 });
  // The tests that run beside this one may slow down a few.
  lab.note(`half of the handlers ended within ${median.toFixed(1)} ms`);
  assert.ok(median < 100, `handlers ended after ${median} ms`);
  assert.equal((await watch.ended(`${prefix} 0`)).phase, "Stopped");
});

test("a call whose result is held goes on when its stream is left", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const result = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const stream = link.client(Streams).fallSilent(key);
    const { result } = stream;
    for await (const number of stream) if (number === 0) break;
    await link.client(Watch).release(key);
    return result;
  }, key);
  assert.equal(result, 1);
  assert.equal((await watch.ended(key)).phase, "Finished");
});

test("an aborted signal cancels a call, which rejects with its reason", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const controller = new AbortController();
    const call = kit.failure(link.client(Calls).hang(key, { signal: controller.signal }));
    return { link, controller, call };
  }, key);
  await watch.started(key);
  const failure = await held.evaluate(({ controller, call }) => {
    controller.abort(new RangeError("changed my mind"));
    return call;
  });
  assert.deepEqual(failure, { code: "RangeError", message: "changed my mind" });
  assert.equal((await watch.ended(key)).phase, "Stopped");
  assert.equal(await held.evaluate(({ link }) => link.stats().callsOut), 0);
});

test("an aborted signal ends streams in both directions", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const [receiving, sending] = [lab.key(), lab.key()];
  const report = await tab.evaluate(
    async ([receiving, sending]) => {
      const { countOn, drain } = (await roam.connect("/rpc")).client(Streams);
      const controller = new AbortController();
      const { signal } = controller;
      const released = kit.deferred<string>();
      const endless = function* (): Generator<number> {
        try {
          for (;;) yield 1;
        } finally {
          released.resolve("released");
        }
      };
      const stream = countOn(receiving, { signal });
      const drained = kit.failure(drain(sending, endless(), { signal }));
      for await (const number of stream) if (number === 1_000) break;
      const reading = countOn(`${receiving} again`, { signal });
      await reading.next();
      controller.abort();
      return [(await kit.read(reading)).failure?.code, (await drained)?.code, await released.promise];
    },
    [receiving, sending] as const,
  );
  assert.deepEqual(report, ["AbortError", "AbortError", "released"]);
  await watch.ended(`${receiving} again`);
  assert.equal((await watch.ended(sending)).phase, "Stopped");
});

test("an expired timeout ends the handler and rejects the call", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const [call, stream] = [lab.key(), lab.key()];
  const failures = await tab.evaluate(
    async ([call, stream]) => {
      const link = await roam.connect("/rpc");
      const options = { timeoutMs: 250 };
      return Promise.all([
        kit.failure(link.client(Calls).hang(call, options)),
        kit.read(link.client(Streams).countOn(stream, options)).then(({ failure }) => failure),
      ]);
    },
    [call, stream] as const,
  );
  assert.deepEqual(
    failures.map((failure) => failure?.code),
    ["deadline", "deadline"],
  );
  assert.equal((await watch.ended(call)).phase, "Stopped");
  await watch.ended(stream);
});

test("a closed tab says goodbye, and its handlers end at once", async (lab) => {
  const server = await lab.server();
  const tab = await lab.ownTab(server);
  const key = lab.key();
  await tab.evaluate((key) => void roam.connect("/rpc").then((link) => link.client(Calls).hang(key)), key);
  await server.watch.started(key);
  await tab.close();
  assert.equal((await server.watch.ended(key)).phase, "Stopped");
});

// A socket that is full when its page is gone carries no goodbye, so the server must not wait for the page.
test("a closed tab ends its handlers, even while they send and receive", async (lab) => {
  const server = await lab.server();
  const tab = await lab.ownTab(server);
  const keys = [lab.key(), lab.key(), lab.key(), lab.key()] as const;
  await tab.evaluate(([hanging, receiving, held, sending]) => {
    void (async () => {
      const link = await roam.connect("/rpc-unkept");
      const { countOn, pour, drain } = link.client(Streams);
      const endless = async function* (): AsyncGenerator<number> {
        for (;;) yield 1;
      };
      void link.client(Calls).hang(hanging);
      void kit.read(countOn(receiving));
      void pour(held, 1_000);
      void drain(sending, endless());
    })();
  }, keys);
  for (const key of keys) await server.watch.started(key);
  await tab.close();
  for (const key of keys) await server.watch.ended(key);
});

test("navigating to another page ends the handlers", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  await tab.evaluate((key) => void roam.connect("/rpc").then((link) => link.client(Calls).hang(key)), key);
  await watch.started(key);
  await tab.goto("about:blank");
  assert.equal((await watch.ended(key)).phase, "Stopped");
});

test("a closed link ends its handlers and reports its reason", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const report = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const pending = kit.failure(link.client(Calls).hang(key));
    await link.client(Watch).started(key);
    await link.close("no more");
    return [await link.closed, (await pending)?.message];
  }, key);
  assert.deepEqual(report[0], { kind: "local", reason: "no more" });
  assert.match(String(report[1]), /^Calls\.hang: .*no more$/);
  assert.equal((await watch.ended(key)).phase, "Stopped");
});
