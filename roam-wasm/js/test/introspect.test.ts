// Calling a server without a generated file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import type { ServiceDescription } from "../src/description.js";
import { RoamError } from "../src/index.js";
import { introspect } from "../src/introspect.js";
import { describe } from "../src/introspect/convert.js";
import { RoamIntrospectionV1, type ServiceDescriptor } from "../src/introspect/service.js";
import { type Message, Peer } from "./peer.js";
import { codecOf, decode, encode, fromHex } from "./support.js";

const HEX = readFileSync(new URL("../../../roam-codegen/tests/golden/everything.hex", import.meta.url), "utf8");
const SERVED = fromHex(HEX.replaceAll("\n", ""));
const DESCRIPTOR = codecOf(1, RoamIntrospectionV1.types);
const SUMMARIES = codecOf(["list", 0], RoamIntrospectionV1.types);

/** The parts that affect encoding: not the names of arguments and types, nor hashes of the whole. */
function essence({ version, name, types, methods }: ServiceDescription): unknown {
  const essential = methods.map(({ args, signature: _, ...method }) => ({
    ...method,
    args: args.map(([, shape]) => shape),
  }));
  return { version, name, types: types.map(({ shape }) => shape), methods: essential };
}

function isCallOf(message: Message, method: string): void {
  const { id } = RoamIntrospectionV1.methods.find(({ name }) => name === method)!;
  assert.equal(message.method, BigInt(id));
}

test("converts a descriptor to the generated description", () => {
  const served = decode(DESCRIPTOR, SERVED) as ServiceDescriptor;
  assert.deepEqual(essence(describe(served)), essence(Everything));
  assert.match(served.methods[0]!.doc + served.doc, /\w/);
});

test("rejects a malformed descriptor", () => {
  const served = decode(DESCRIPTOR, SERVED) as ServiceDescriptor;
  const wrong =
    (change: Partial<ServiceDescriptor>): unknown =>
    () =>
      describe({ ...served, ...change });
  assert.throws(wrong({ types: [] }) as () => void, /malformed service descriptor/);
  const endless = [{ tag: "List", value: 0n }] as const;
  const method = { ...served.methods[0]!, args: [], ok: 0n, err: null };
  assert.throws(wrong({ types: [...endless], methods: [method] }) as () => void, /malformed service descriptor/);
});

test("introspects a server, then calls it", async (t) => {
  const [link, peer] = await Peer.connect({}, { maxPayload: 65_536 });
  t.after(() => peer.end());
  const asked = introspect(link);
  const services = await peer.expect("Request");
  isCallOf(services, "services");
  const summaries = encode(SUMMARIES, [
    { name: "Everything", doc: "" },
    { name: "Gone", doc: "" },
  ]);
  peer.send({ tag: "Response", id: services.id!, payload: [0, ...summaries] });
  for (const answer of [
    [0, 1, ...SERVED],
    [0, 0],
  ]) {
    const described = await peer.expect("Request");
    isCallOf(described, "describe");
    peer.send({ tag: "Response", id: described.id!, payload: answer });
  }
  const server = await asked;
  assert.deepEqual(
    server.services.map(({ name }) => name),
    ["Everything"],
  );
  assert.throws(() => server.client("Nothing"), /no service Nothing/);

  const divided = server.client("Everything").divide!(6, 3);
  const request = await peer.expect("Request");
  assert.equal(request.method, BigInt(Everything.methods.find(({ name }) => name === "divide")!.id));
  peer.send({ tag: "Response", id: request.id!, payload: [0, 4] });
  assert.equal(await divided, 2n);
});

test("server without introspection", async (t) => {
  const [link, peer] = await Peer.connect();
  t.after(() => peer.end());
  const asked = introspect(link);
  const { id } = await peer.expect("Request");
  peer.send({ tag: "Response", id: id!, payload: [1, 1] });
  await assert.rejects(asked, (error) => error instanceof RoamError && error.code === "unknown-method");
});
