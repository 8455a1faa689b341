// What crosses from TypeScript into wasm.
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";

import { Everything, type EverythingHandler } from "../../../roam-codegen/tests/golden/everything.js";
import { channel, type Metadata, RoamError } from "../src/index.js";
import type { Link } from "../src/link/link.js";
import { Peer } from "./peer.js";

type Function = (...args: unknown[]) => unknown;

/** The names of the exports of wasm that were called. */
let crossings: string[] = [];
/** Called after each crossing. */
let afterCrossing = (_: string, __: WebAssembly.Memory): void => undefined;

const instantiate = WebAssembly.instantiate as (...args: unknown[]) => Promise<{
  readonly instance?: WebAssembly.Instance;
  readonly module: WebAssembly.Module;
}>;
WebAssembly.instantiate = (async (...args: unknown[]) => {
  const instantiated = await instantiate(...args);
  const { instance, module } = instantiated;
  // Node instantiates modules of its own this way, without bytes.
  if (instance === undefined) return instantiated;
  const memory = instance.exports["memory"] as WebAssembly.Memory;
  const counted = (name: string, crossing: Function): Function => {
    return (...args) => {
      crossings.push(name);
      const result = crossing(...args);
      afterCrossing(name, memory);
      return result;
    };
  };
  const exports = Object.entries(instance.exports).map(([name, value]) => [
    name,
    typeof value === "function" ? counted(name, value as Function) : value,
  ]);
  return { instance: { exports: Object.fromEntries(exports) }, module };
}) as never;

/** Returns the exports that `act` calls. */
function crossingsOf(act: () => void): string[] {
  crossings = [];
  act();
  return crossings;
}

async function connect(t: TestContext, maxPayload = 1024): Promise<[Link, Peer]> {
  const [link, peer] = await Peer.connect({ token: "t" }, { maxPayload });
  t.after(() => {
    afterCrossing = () => undefined;
    peer.end();
  });
  return [link, peer];
}

test("a call enters wasm to place its arguments and its metadata, and to be sent", async (t) => {
  const [link, peer] = await connect(t);
  const { divide } = link.client(Everything);
  let call: Promise<bigint>;
  assert.deepEqual(
    crossingsOf(() => (call = divide(6, 3))),
    ["__wbindgen_malloc", "__wbindgen_malloc", "link_call"],
  );
  const { id } = await peer.expect("Request");
  crossings = [];
  peer.send({ tag: "Response", id: id!, payload: [0, 4] });
  assert.equal(await call!, 2n);
  // Everything else is the socket's events and the glue's own bookkeeping.
  assert.deepEqual(
    crossings.filter((name) => /^(link|channels|sender|receiver)_/.test(name)),
    [],
  );
});

test("only a call with channels takes halves", async (t) => {
  const [link, peer] = await connect(t);
  const { sum } = link.client(Everything);
  const [, rx] = channel<number>();
  const names = crossingsOf(() => void sum(rx).catch(() => undefined));
  assert.deepEqual(
    names.filter((name) => /^(link|channels)_/.test(name)),
    ["link_call", "link_kept", "channels_sender"],
  );
  await peer.expect("Request");
});

test("arguments that are too large never enter wasm", async (t) => {
  const [link] = await connect(t, 64);
  const { scalars } = link.client(Everything);
  let call: Promise<unknown>;
  assert.deepEqual(
    crossingsOf(() => (call = scalars(true, 1, 1, "a", "a".repeat(50)))),
    [],
  );
  await assert.rejects(call!, (error) => {
    assert(error instanceof RoamError && error.code === "too-large", String(error));
    assert.match(error.reason, /66 bytes exceeds the limit of 64 bytes: maxPayloadSize, the smaller of both peers/);
    return true;
  });
});

test("metadata outlives the memory that it came in", async (t) => {
  const [link, peer] = await connect(t);
  let finish!: (metadata: Metadata) => void;
  const received = new Promise<Metadata>((resolve) => (finish = resolve));
  const others = Object.fromEntries(Everything.methods.map(({ name }) => [name, () => undefined]));
  const handler = { ...others, sum: (_: unknown, { metadata }: { metadata: Metadata }) => (finish(metadata), 0) };
  link.serve(Everything, handler as unknown as EverythingHandler);
  // Growing wasm's memory detaches all views into it.
  afterCrossing = (name, memory) => void (name === "channels_receiver" && memory.grow(1));
  const { id: method } = Everything.methods.find(({ name }) => name === "sum")!;
  const metadata = [["key", { tag: "String", value: "value" }]];
  peer.send({ tag: "Request", id: 2n, method: BigInt(method), metadata, channels: [2n], payload: [0] });
  assert.deepEqual(await received, [["key", "value"]]);
});
