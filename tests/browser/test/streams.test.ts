/** Streams in both directions: complete, in order, and with their end. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

const MILLION = 1_000_000;

test("a million elements arrive from the server in order, with the result", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async (total) => {
    const stream = (await roam.connect("/rpc")).client(Streams).count(total);
    let expected = 0;
    let inOrder = true;
    for await (const number of stream) inOrder &&= number === expected++;
    return { count: expected, inOrder, result: await stream.result };
  }, MILLION);
  assert.deepEqual(report, { count: MILLION, inOrder: true, result: MILLION });
});

test("a million elements of an iterable reach the server in order", async (lab) => {
  const tab = await lab.tab();
  const tally = await tab.evaluate(
    async (total) => (await roam.connect("/rpc")).client(Streams).tally(kit.count(total)),
    MILLION,
  );
  assert.deepEqual(tally, { count: MILLION, in_order: true });
});

test("a hundred thousand awaited sends arrive in order", async (lab) => {
  const tab = await lab.tab();
  const tally = await tab.evaluate(async () => {
    const [tx, rx] = roam.channel<number>();
    const answer = (await roam.connect("/rpc")).client(Streams).tally(rx);
    for (const number of kit.count(100_000)) await tx.send(number);
    await tx.close();
    return answer;
  });
  assert.deepEqual(tally, { count: 100_000, in_order: true });
});

test("sends that are not awaited arrive in order", async (lab) => {
  const tab = await lab.tab();
  const tally = await tab.evaluate(async () => {
    const [tx, rx] = roam.channel<number>();
    const answer = (await roam.connect("/rpc")).client(Streams).tally(rx);
    const sends = Array.from(kit.count(200_000), (number) => tx.send(number));
    await Promise.all([...sends, tx.close()]);
    return answer;
  });
  assert.deepEqual(tally, { count: 200_000, in_order: true });
});

test("iterables, arrays, generators and typed arrays feed a stream", async (lab) => {
  const tab = await lab.tab();
  const tallies = await tab.evaluate(async () => {
    const { tally } = (await roam.connect("/rpc")).client(Streams);
    const slowly = async function* (): AsyncGenerator<number> {
      for (const number of kit.count(3)) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        yield number;
      }
    };
    return Promise.all([
      tally(slowly()),
      tally([0, 1, 2]),
      tally(kit.count(3)),
      tally(Uint32Array.of(0, 1, 2)),
      tally([]),
    ]);
  });
  const three = { count: 3, in_order: true };
  assert.deepEqual(tallies, [three, three, three, three, { count: 0, in_order: true }]);
});

test("a call streams in both directions at once", async (lab) => {
  const tab = await lab.tab();
  const { values, failure } = await tab.evaluate(async () => {
    const { transform } = (await roam.connect("/rpc")).client(Streams);
    const words = Array.from(kit.count(50_000), (number) => `${number}`);
    const [tx, rx] = roam.channel<string>();
    const [, reversed] = await Promise.all([transform(words, tx), kit.read(rx)]);
    const right = reversed.values.filter((value, index) => value === [...`${index}`].reverse().join(""));
    return { values: right.length, failure: reversed.failure };
  });
  assert.deepEqual([values, failure], [50_000, undefined]);
});

test("elements sent before the call are kept", async (lab) => {
  const tab = await lab.tab();
  const tally = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const [tx, rx] = roam.channel<number>();
    await tx.send(0);
    await tx.send(1);
    const answer = link.client(Streams).tally(rx);
    await tx.send(2);
    await tx.close();
    return answer;
  });
  assert.deepEqual(tally, { count: 3, in_order: true });
});

test("a channel works within the page", async (lab) => {
  const tab = await lab.tab();
  const read = await tab.evaluate(async () => {
    const [tx, rx] = roam.channel<number>();
    const sending = (async () => {
      for (const number of kit.count(1_000)) await tx.send(number);
      await tx.close();
    })();
    const { values, failure } = await kit.read(rx);
    await sending;
    return [values.length, values.every((value, index) => value === index), failure];
  });
  assert.deepEqual(read, [1_000, true, undefined]);
});

test("a failing method ends its stream with its error", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { countAndFail } = (await roam.connect("/rpc")).client(Streams);
    const stream = countAndFail(1_000);
    const { failure } = await kit.read(stream);
    return { stream: [failure?.code, failure?.value], result: (await kit.failure(stream.result))?.value };
  });
  assert.deepEqual(report, { stream: ["user", "Overflow"], result: "Overflow" });
});

test("a reset stream fails even if its call succeeds", async (lab) => {
  const tab = await lab.tab();
  const code = await tab.evaluate(async () => {
    const { countAndCut } = (await roam.connect("/rpc")).client(Streams);
    return (await kit.read(countAndCut(10))).failure?.code;
  });
  assert.equal(code, "reset");
});

test("an aborted sender resets its channel", async (lab) => {
  const tab = await lab.tab();
  const clean = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const [tx, rx] = roam.channel<number>();
    const answer = link.client(Streams).drain(key, rx);
    await tx.send(1);
    tx.abort();
    return answer;
  }, lab.key());
  assert.equal(clean, false);
});

test("a server that stops reading releases the iterable", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { sip } = (await roam.connect("/rpc")).client(Streams);
    const released = kit.deferred<string>();
    const endless = async function* (): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        released.resolve("released");
      }
    };
    return [await sip(3, endless()), await released.promise];
  });
  assert.deepEqual(report, [3, "released"]);
});

test("next() may be called before elements arrive", async (lab) => {
  const tab = await lab.tab();
  const values = await tab.evaluate(async () => {
    const stream = (await roam.connect("/rpc")).client(Streams).count(3);
    const results = await Promise.all(Array.from({ length: 5 }, () => stream.next()));
    return results.map(({ done, value }) => (done ? "end" : value));
  });
  assert.deepEqual(values, [0, 1, 2, "end", "end"]);
});
