/** What a page may have open at once: calls wait for their turn, streams are many, and elements are as large as calls. */
import assert from "node:assert/strict";
import { rss, tabMemory } from "../harness/memory.js";
import { test } from "../harness/test.js";

const MIB = 1024 * 1024;

test("thousands of calls at once are all answered, in order", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { echo } = (await roam.connect("/rpc")).client(Calls);
    const answered: number[] = [];
    const calls = Array.from(kit.count(5_000), async (number) => {
      const text = await echo(String(number));
      answered.push(number);
      return text;
    });
    const texts = await Promise.all(calls);
    return {
      right: texts.every((text, number) => text === String(number)),
      all: answered.length,
    };
  });
  assert.deepEqual(report, { right: true, all: 5_000 });
});

test("a call over the server's limit waits, and honours its signal and its timeout", async (lab) => {
  const tab = await lab.tab();
  const key = lab.key();
  const report = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const { echo, hang } = link.client(Calls);
    const leave = new AbortController();
    const hanging = Array.from(kit.count(1_024), () => hang(key, { signal: leave.signal }).catch(() => "left"));
    const code = (error: { code?: unknown; name: string }): unknown =>
      error.name === "RoamError" ? error.code : error.name;
    const late = await echo("late", { timeoutMs: 50 }).catch(code);
    const abort = new AbortController();
    const aborted = echo("aborted", { signal: abort.signal }).catch(code);
    const first = echo("first");
    const second = echo("second");
    abort.abort();
    const inLine = link.stats().callsOut;
    leave.abort();
    return {
      late,
      aborted: await aborted,
      inLine,
      answers: await Promise.all([first, second]),
      left: new Set(await Promise.all(hanging)).size,
    };
  }, key);
  assert.deepEqual(report, {
    late: "deadline",
    aborted: "AbortError",
    inLine: 1_024,
    answers: ["first", "second"],
    left: 1,
  });
});

test("ten thousand streams are open on one link, beside calls", async (lab) => {
  const tab = await lab.tab();
  const key = lab.key();
  const report = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const { fallSilent } = link.client(Streams);
    const streams = Array.from(kit.count(10_000), () => fallSilent(key));
    const firsts = await Promise.all(streams.map((stream) => stream.next()));
    const text = await link.client(Calls).echo("beside");
    const open = link.stats().channels;
    await Promise.all(streams.map((stream) => stream.return?.()));
    return { firsts: firsts.every(({ done, value }) => !done && value === 0), text, open };
  }, key);
  assert.deepEqual(report, { firsts: true, text: "beside", open: 10_000 });
});

test("an element may be as large as a payload, both ways", async (lab) => {
  const tab = await lab.tab();
  const key = lab.key();
  const report = await tab.evaluate(async (key) => {
    const link = await roam.connect("/rpc");
    const stream = link.client(Streams).pour(key, 1_000_000);
    const sizes: number[] = [];
    for await (const { length } of stream) {
      sizes.push(length);
      if (sizes.length === 10) break;
    }
    const chunks = Array.from(kit.count(10), (number) => new Uint8Array(200_000 + number));
    const { bytes } = await link.client(Streams).digest(chunks);
    const [tx, rx] = roam.channel<Uint8Array<ArrayBuffer>>();
    const digested = link.client(Streams).digest(rx);
    const refused = await kit.failure(tx.send(new Uint8Array(1 << 20)));
    await tx.close();
    await digested;
    return { sizes: [...new Set(sizes)], bytes: Number(bytes), refused };
  }, key);
  assert.deepEqual([report.sizes, report.bytes], [[1_000_000], 2_000_045]);
  assert.equal(report.refused?.code, "too-large");
  assert.match(report.refused?.reason ?? "", /1048579 bytes exceeds the limit of 1048576 bytes: maxPayloadSize/);
});

test("streams that need more room than there is all arrive, in turns", async (lab) => {
  const tab = await lab.tab();
  const wrong = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc-small");
    const { transform } = link.client(Streams);
    const wrong: string[] = [];
    const stream = async (number: number): Promise<void> => {
      const texts = Array.from(kit.count(20), (n) =>
        "x".repeat((number * 7_919 + n * 104_729) % [10, 300, 5_000, 16_000][n % 4]!),
      );
      const [output, reversed] = roam.channel<string>();
      const done = transform(texts, output);
      let n = 0;
      for await (const text of reversed) if (text.length !== texts[n++]?.length) wrong.push(`${number}, ${n}`);
      if (n !== texts.length) wrong.push(`${number}: ${n} of ${texts.length}`);
      await done;
    };
    await Promise.all(Array.from(kit.count(300), stream));
    return wrong;
  });
  assert.deepEqual(wrong, []);
});

test("what a page makes a server hold stays within the server's budget", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const grown: string[] = [];
  for (const length of [16, 1_000, 60_000]) {
    const before = await rss(server.pid);
    const held = await tab.evaluateHandle(
      async ([key, length]) => {
        const link = await roam.connect("/rpc");
        const element = new Uint8Array(length);
        // Each is advanced as far as the server has room.
        const endless = function* (): Generator<Uint8Array<ArrayBuffer>> {
          for (;;) yield element;
        };
        for (const _ of kit.count(2_000)) {
          link
            .client(Streams)
            .hesitate(key, endless())
            .catch(() => undefined);
        }
        const { echo } = link.client(Calls);
        for (let sent = -1; sent !== link.stats().credit;) {
          sent = link.stats().credit;
          for (let i = 0; i < 100; i++) await echo("beside");
        }
        return link;
      },
      [lab.key(), length] as const,
    );
    grown.push(`${length}: ${(((await rss(server.pid)) - before) / MIB).toFixed(1)} MiB`);
    assert.ok((await rss(server.pid)) - before < 64 * MIB, grown.join(", "));
    await held.evaluate((link) => link.close());
  }
  lab.note(`memory of the server, by length of elements: ${grown.join(", ")}`);
});

test("what a server makes a page hold stays within the page's budget", async (lab) => {
  const server = await lab.ownServer();
  const tab = await lab.ownTab(server);
  const before = await tabMemory(tab);
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    const { pour } = link.client(Streams);
    const streams = Array.from(kit.count(1_000), () => pour(key, 1_000));
    await Promise.all(streams.map((stream) => stream.next()));
    for (let i = 0; i < 200; i++) await link.client(Calls).echo("beside");
    return { link, streams };
  }, lab.key());
  const grown = (await tabMemory(tab)) - before;
  lab.note(`memory of the tab: ${(grown / MIB).toFixed(1)} MiB`);
  assert.ok(grown < 120 * MIB, `${grown}`);
  await held.evaluate(({ link }) => link.close());
});
