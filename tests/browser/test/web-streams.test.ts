/** Channels as Web Streams, and Web Streams as channels. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("an Rx becomes a ReadableStream", async (lab) => {
  const tab = await lab.tab();
  const [text, failure] = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const words = new TransformStream<number, string>({
      transform: (number, controller) => controller.enqueue(`${number} `),
    });
    const encoded = link
      .client(Streams)
      .count(1_000)
      .readable()
      .pipeThrough(words)
      .pipeThrough(new TextEncoderStream());
    const failing = link.client(Streams).countAndFail(3).readable().getReader();
    for (let i = 0; i < 3; i++) await failing.read();
    return [await new Response(encoded).text(), await kit.failure(failing.read())] as const;
  });
  assert.equal(text, Array.from({ length: 1_000 }, (_, index) => `${index} `).join(""));
  assert.equal(failure?.code, "user");
});

test("a ReadableStream does not read ahead", async (lab) => {
  const watch = await lab.watch();
  const tab = await lab.tab();
  const key = lab.key();
  const held = await tab.evaluateHandle(async (key) => {
    const link = await roam.connect("/rpc");
    return { link, reader: link.client(Streams).pour(key, 8_000).readable().getReader() };
  }, key);
  const { sent } = await watch.waiting(key);
  assert.ok(sent * 8_000 <= 256 * 1024, `the server sent ${sent} blocks`);
  assert.equal(await held.evaluate(async ({ reader }) => (await reader.read()).value?.length), 8_000);
});

test("a Tx becomes a WritableStream that splits long byte arrays", async (lab) => {
  const tab = await lab.tab();
  const digest = await tab.evaluate(async () => {
    const [tx, rx] = roam.channel<Uint8Array<ArrayBuffer>>();
    const answer = (await roam.connect("/rpc")).client(Streams).digest(rx);
    await new Blob([kit.block(0, 3_000_000)]).stream().pipeTo(tx.writable());
    const { bytes, longest } = await answer;
    return { bytes, longest };
  });
  assert.deepEqual(digest, { bytes: 3_000_000n, longest: 16_384 });
});

test("an aborted WritableStream resets its channel", async (lab) => {
  const tab = await lab.tab();
  const clean = await tab.evaluate(async (key) => {
    const [tx, rx] = roam.channel<number>();
    const answer = (await roam.connect("/rpc")).client(Streams).drain(key, rx);
    const writer = tx.writable().getWriter();
    await writer.write(1);
    await writer.abort();
    return answer;
  }, lab.key());
  assert.equal(clean, false);
});

test("a ReadableStream, a File, a Response body and bytes feed a byte stream", async (lab) => {
  const tab = await lab.tab();
  const digests = await tab.evaluate(async () => {
    const { digest } = (await roam.connect("/rpc")).client(Streams);
    const bytes = kit.block(0, 100_000);
    const file = new File([bytes], "some.bin");
    const answers = await Promise.all([
      digest(file.stream()),
      digest(file),
      digest(new Response(bytes).body!),
      digest(bytes),
      digest([bytes.subarray(0, 5), bytes.subarray(5)]),
    ]);
    return answers.map(({ sha256, bytes }) => `${bytes} ${sha256.join()}`);
  });
  assert.equal(digests.length, 5);
  assert.equal(new Set(digests).size, 1, digests.join("\n"));
  assert.match(digests[0] ?? "", /^100000 /);
});

test("a failing or locked ReadableStream fails its call", async (lab) => {
  const tab = await lab.tab();
  const failures = await tab.evaluate(async () => {
    const { digest } = (await roam.connect("/rpc")).client(Streams);
    const failing = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => controller.error(new RangeError("the disk is gone")),
    });
    const locked = new Blob(["x"]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    locked.getReader();
    return Promise.all([kit.failure(digest(failing)), kit.failure(digest(locked))]);
  });
  assert.deepEqual(failures[0], { code: "RangeError", message: "the disk is gone" });
  assert.equal(failures[1]?.code, "TypeError");
});

test("a server that stops reading cancels the ReadableStream", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const cancelled = kit.deferred<string>();
    const source = new ReadableStream<number>({
      pull: (controller) => controller.enqueue(1),
      cancel: () => cancelled.resolve("cancelled"),
    });
    return [await (await roam.connect("/rpc")).client(Streams).sip(3, source), await cancelled.promise];
  });
  assert.deepEqual(report, [3, "cancelled"]);
});
