/** The core features, in Firefox. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Firefox } from "../harness/firefox.js";
import { CUTS, Network, NUMBERS } from "../harness/network.js";
import { Server } from "../harness/server.js";
import { EXPECTED } from "../page/tour.js";

const LIMIT = { timeout: 60_000 };

let server: Server;
let firefox: Firefox;

before(async () => {
  server = await Server.start();
  firefox = await Firefox.start();
  await firefox.open(server.url);
}, LIMIT);

after(async () => {
  await firefox?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
}, LIMIT);

test("the tour passes under a strict Content-Security-Policy", LIMIT, async () => {
  const report = await firefox.run("return JSON.stringify(await tour('/rpc', args[0]))", "Firefox");
  assert.deepEqual(JSON.parse(String(report)), EXPECTED);
});

test("the tour passes without packing", LIMIT, async () => {
  const report = await firefox.run("return JSON.stringify(await tour('/rpc-single', args[0]))", "single");
  assert.deepEqual(JSON.parse(String(report)), EXPECTED);
});

test("a hundred thousand elements arrive in each direction", LIMIT, async () => {
  const report = await firefox.run("return JSON.stringify(await core.streams('/rpc', args[0]))", 100_000);
  const tally = { count: 100_000, in_order: true };
  assert.deepEqual(JSON.parse(String(report)), { received: tally, sent: tally });
});

// Firefox waits before it connects to a host where a connection has failed.
test("cuts of a page's link lose nothing, and nothing comes twice", { timeout: 150_000 }, async () => {
  await using network = await Network.start(server.url);
  await firefox.open(network.url);
  await network.cutNext(CUTS);
  const report = await firefox.run("return JSON.stringify(await core.streams('/rpc', args[0]))", NUMBERS);
  const tally = { count: NUMBERS, in_order: true };
  assert.deepEqual(JSON.parse(String(report)), { received: tally, sent: tally });
  await network.command(`wait accepted ${CUTS}`);
});

test("a lost link rejects every promise and makes every iterator throw", LIMIT, async () => {
  const own = await Server.start();
  try {
    const key = "killed";
    await firefox.open(own.url);
    await firefox.run("window.held = core.hold('/rpc-unkept', args[0])", key);
    await own.watch.started(`${key} call`);
    await own.watch.started(`${key} stream`);
    await own.kill();
    const codes = await firefox.run("return JSON.stringify(await window.held)");
    assert.deepEqual(JSON.parse(String(codes)), ["closed", "closed"]);
  } finally {
    await own[Symbol.asyncDispose]();
  }
});
