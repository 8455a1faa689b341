/** The tour in every environment that the package supports. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";
import { NodeSocket } from "../harness/server.js";
import { EXPECTED, tour } from "../page/tour.js";

/** Not part of TypeScript's types yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): URL };
}

test("the tour passes in a module script under a strict Content-Security-Policy", async (lab) => {
  const tab = await lab.tab();
  const policy = (await tab.reload())?.headers()["content-security-policy"];
  assert.match(policy ?? "", /script-src 'self' 'wasm-unsafe-eval';.*require-trusted-types-for 'script'/);
  await tab.waitForSelector("html[data-ready]", { state: "attached" });
  assert.deepEqual(await tab.evaluate((key) => tour("/rpc", key), lab.key()), EXPECTED);
});

test("the tour passes in a Worker", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate((key) => {
    // The page's policy requires a trusted script URL.
    const { trustedTypes } = globalThis as unknown as { trustedTypes: TrustedTypes };
    const policy = trustedTypes.createPolicy("worker", { createScriptURL: (url) => url });
    const worker = new Worker(policy.createScriptURL("worker.js"), { type: "module" });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ url: new URL("/rpc", location.href).href, key });
    });
  }, lab.key());
  assert.deepEqual(report, EXPECTED);
});

test("the tour passes in Node with a given WebSocket class", async (lab) => {
  const { url } = await lab.server();
  assert.deepEqual(await tour(`${url}rpc`, lab.key(), { WebSocket: NodeSocket }), EXPECTED);
});

test("the tour passes without packing and without subprotocols", async (lab) => {
  const tab = await lab.tab();
  assert.deepEqual(await tab.evaluate((key) => tour("/rpc-single", key), lab.key()), EXPECTED);
  const offerNone = await tab.evaluate((key) => tour("/rpc-plain", key, { subprotocols: false }), lab.key());
  assert.deepEqual(offerNone, EXPECTED);
});
