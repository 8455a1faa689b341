/** TCP connections of the server, tunneled to a page. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

/** Blocks of 16 KiB, more than all windows and buffers in between hold. */
const BLOCKS = 200;

for (const path of ["/rpc", "/rpc-small"]) {
  test(`TCP echoes all bytes and the end of each direction at ${path}`, async (lab) => {
    const tab = await lab.tab();
    const report = await tab.evaluate(
      async ([path, blocks]) => {
        const { tx, rx } = await (await roam.connect(path)).client(Sockets).connect("Echo");
        const reading = kit.read(rx);
        const writer = tx.writable().getWriter();
        const sent: number[] = [];
        for (const index of kit.count(blocks)) {
          const block = kit.block(index, 16 * 1024);
          sent.push(...block);
          await writer.write(block);
        }
        await writer.close();
        const { values, failure } = await reading;
        const received = values.flatMap((chunk) => [...chunk]);
        const same = sent.every((byte, index) => byte === received[index]);
        const rest = String.fromCharCode(...received.slice(sent.length));
        return { same, rest, failure };
      },
      [path, BLOCKS] as const,
    );
    assert.deepEqual(report, { same: true, rest: `${BLOCKS * 16 * 1024} bytes`, failure: undefined });
  });
}

test("a tunnel made by the page is used by a call", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const [tx, theirRx] = roam.channel<Uint8Array>();
    const [theirTx, rx] = roam.channel<Uint8Array>();
    const forwarded = (await roam.connect("/rpc")).client(Sockets).forward("Echo", { tx: theirTx, rx: theirRx });
    await tx.send(Uint8Array.of(1, 2, 3));
    const echoed = (await rx.next()).value;
    await tx.close();
    const { values, failure } = await kit.read(rx);
    await forwarded;
    return { echoed: kit.plain(echoed), rest: String.fromCharCode(...values.flatMap((chunk) => [...chunk])), failure };
  });
  assert.deepEqual(report, { echoed: { Uint8Array: [1, 2, 3] }, rest: "3 bytes", failure: undefined });
});

test("a reset TCP connection resets the stream", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { tx, rx } = await (await roam.connect("/rpc")).client(Sockets).connect("Reset");
    await tx.send(Uint8Array.of(1));
    const { values, failure } = await kit.read(rx);
    return { received: values.length, code: failure?.code };
  });
  assert.deepEqual(report, { received: 0, code: "reset" });
});

test("a page that aborts a tunnel fails the forwarding call", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const [tx, theirRx] = roam.channel<Uint8Array>();
    const [theirTx, rx] = roam.channel<Uint8Array>();
    const forwarded = (await roam.connect("/rpc")).client(Sockets).forward("Echo", { tx: theirTx, rx: theirRx });
    await tx.send(Uint8Array.of(1));
    await rx.next();
    tx.abort();
    return { call: await kit.failure(forwarded), code: (await kit.read(rx)).failure?.code };
  });
  assert.equal(report.call?.code, "user");
  assert.match(String(report.call?.value), /reset the channel/);
  assert.notEqual(report.code, undefined);
});
