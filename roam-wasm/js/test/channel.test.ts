// Channels with both halves here; channels to a peer are tested with a peer.
import assert from "node:assert/strict";
import test from "node:test";

import { channel } from "../src/channel/local.js";
import { RoamError } from "../src/errors.js";

const failsWith = (code: string) => (error: unknown) => error instanceof RoamError && error.code === code;

test("receives values in order, then the end", async () => {
  const [tx, rx] = channel<number>();
  const sending = (async () => {
    for (let n = 0; n < 1000; n++) await tx.send(n);
    await tx.close();
  })();
  let expected = 0;
  for await (const n of rx) assert.equal(n, expected++);
  assert.equal(expected, 1000);
  await sending;
});

test("send waits while nobody reads", async () => {
  const [tx, rx] = channel<number>();
  let sent = 0;
  for (let n = 0; n < 100; n++) void tx.send(n).then(() => sent++);
  await turn();
  assert.equal(sent, 64);
  await rx.next();
  await turn();
  assert.equal(sent, 65);
});

test("a closed channel delivers what was sent", async () => {
  const [tx, rx] = channel<number>();
  for (let n = 0; n < 100; n++) void tx.send(n);
  await tx.close();
  let count = 0;
  for await (const n of rx) assert.equal(n, count++);
  assert.equal(count, 100);
  await assert.rejects(tx.send(1), failsWith("closed"));
});

test("several reads can wait at once", async () => {
  const [tx, rx] = channel<number>();
  const both = Promise.all([rx.next(), rx.next(), rx.next()]);
  await tx.send(1);
  await tx.send(2);
  await tx.close();
  assert.deepEqual(await both, [
    { done: false, value: 1 },
    { done: false, value: 2 },
    { done: true, value: undefined },
  ]);
});

test("leaving the loop resets the channel", async () => {
  const [tx, rx] = channel<number>();
  void tx.send(1);
  for await (const _ of rx) break;
  await assert.rejects(tx.send(2), failsWith("reset"));
});

test("an aborted channel throws", async () => {
  const [tx, rx] = channel<number>();
  const reading = rx.next();
  tx.abort(new RangeError("mine"));
  await assert.rejects(reading, RangeError);
  await assert.rejects(rx.next(), RangeError);
});

test("disposing the sender closes the channel", async () => {
  const [tx, rx] = channel<number>();
  await tx[Symbol.asyncDispose]();
  assert.deepEqual(await rx.next(), { done: true, value: undefined });
});

test("both halves work as web streams", async () => {
  const [tx, rx] = channel<string>();
  const source = new ReadableStream<string>({
    start(controller) {
      for (const word of ["a", "b", "c"]) controller.enqueue(word);
      controller.close();
    },
  });
  const piping = source.pipeTo(tx.writable());
  const words: string[] = [];
  for await (const word of rx.readable()) words.push(word);
  assert.deepEqual(words, ["a", "b", "c"]);
  await piping;
});

test("cancelling a web stream resets the channel", async () => {
  const [tx, rx] = channel<string>();
  await rx.readable().cancel();
  await assert.rejects(tx.writable().getWriter().write("a"), failsWith("reset"));
});

test("a web stream splits long byte arrays", async () => {
  const [tx, rx] = channel<Uint8Array<ArrayBuffer>>();
  const writer = tx.writable().getWriter();
  const writing = writer.write(new Uint8Array(40_000)).then(() => writer.close());
  const lengths: number[] = [];
  for await (const bytes of rx) lengths.push(bytes.length);
  assert.deepEqual(lengths, [16_384, 16_384, 7232]);
  await writing;
});

/** Waits until all pending microtasks have run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
