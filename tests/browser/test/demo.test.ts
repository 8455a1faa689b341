/** The demo's page, as visitors use it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { Demo } from "../harness/demo.js";
import { type Lab, test } from "../harness/test.js";

let demo: Demo;

before(async () => {
  demo = await Demo.start();
});

after(async () => {
  await demo?.[Symbol.asyncDispose]();
});

test("a call is answered, and its errors are typed values", async (lab) => {
  const page = await visit(lab);
  await page.getByTestId("call-submit").click();
  await shows(page, "call-value", "42");
  await page.getByTestId("call-try-zero").click();
  await shows(page, "call-value", "DivisionByZero");
  await page.getByTestId("call-try-overflow").click();
  await shows(page, "call-note", "exact: 85070591730234615847396907784232501249");
  await page.getByTestId("call-try-range").click();
  await shows(page, "call-note", /left: expected a bigint .* got 18446744073709551616n \(invalid-argument\)/);
  await page.getByTestId("call-left").fill("six");
  await page.getByTestId("call-submit").click();
  await shows(page, "call-value", "Not a whole number");
  await page.getByTestId("call-many").click();
  await shows(page, "call-many-answer", "all answered in");
});

test("a paused stream blocks the server, but not calls", async (lab) => {
  const page = await visit(lab);
  await shows(page, "stream-state", "flowing");
  await shows(page, "stream-memory", "MB");
  await page.getByTestId("stream-pause").click();
  await shows(page, "stream-state", "paused, the server waits");
  await shows(page, "stream-unread", /unread, waits/);
  const sent = await page.getByTestId("stream-sent").textContent();
  const read = await page.getByTestId("stream-read").textContent();

  await page.getByTestId("call-submit").click();
  await shows(page, "call-value", "42");
  assert.equal(await page.getByTestId("stream-sent").textContent(), sent, "the server kept sending");
  assert.equal(await page.getByTestId("stream-read").textContent(), read, "the page kept reading");

  await page.getByTestId("stream-resume").click();
  await shows(page, "stream-state", "flowing");
  await page.getByTestId("stream-stop").click();
  await shows(page, "stream-state", "stopped");
  await page.getByTestId("stream-rate-10").check({ force: true });
  await page.getByTestId("stream-start").click();
  await shows(page, "stream-state", "flowing");
});

test("an upload shows its progress and its hash", async (lab) => {
  const page = await visit(lab);
  const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251));
  await page.getByTestId("upload-file").setInputFiles({ name: "seven.bin", mimeType: "", buffer: content });
  await shows(page, "upload-hash", createHash("sha256").update(content).digest("hex"));
  await shows(page, "upload-note", "seven.bin, 3,000,000 bytes in");
  assert.equal(await page.getByTestId("upload-progress").getAttribute("value"), "1");

  await page.getByTestId("upload-file").setInputFiles({ name: "empty", mimeType: "", buffer: Buffer.alloc(0) });
  await shows(page, "upload-hash", createHash("sha256").digest("hex"));
});

test("an upload can be cancelled", async (lab) => {
  const page = await visit(lab);
  await page.getByTestId("upload-made-up").click();
  await page.getByTestId("upload-cancel").click();
  await shows(page, "upload-error", "Cancelled: the server's handler has been stopped.");
});

test("tabs chat, nudge each other, and leave when they close", async (lab) => {
  const [ada, bob] = [await visit(lab), await visit(lab)];
  await join(ada, "Ada");
  await join(bob, "Ada");
  await shows(bob, "chat-error", "Somebody in the room has that name already.");
  await join(bob, "Bob");
  await shows(ada, "chat-log", "Bob came in.");
  await ada.getByTestId("chat-text").fill("Good morning, Bob.");
  await ada.getByTestId("chat-text").press("Enter");
  await shows(bob, "chat-log", /Ada\s*Good morning, Bob\./);

  await bob.getByTestId("chat-member").filter({ hasText: "Ada" }).click();
  await shows(ada, "chat-log", "Bob nudged you: the server called this page.");
  await shows(bob, "chat-log", /Ada's page answered in .*: it is in (view|the background)\./);

  await bob.close();
  await shows(ada, "chat-log", "Bob left.");
  await ada.getByTestId("chat-leave").click();
  await ada.getByTestId("chat-join").waitFor();
});

test("the link panel shows statistics and reconnects a lost link", async (lab) => {
  const page = await visit(lab);
  await shows(page, "link-rtt", /ms|µs/);
  await shows(page, "link-sent", /B/);
  await shows(page, "link-received", /kB|MB/);
  await shows(page, "link-channels", "1");
  await shows(page, "link-credit", /B/);
  await shows(page, "flight-rows", /→ call\s*Demo\.measure.*← stream\s*Demo\.measure/);
  await shows(page, "flight-rest", "frames wait for the socket");
  await page.getByTestId("link-cut").click();
  await shows(page, "link-state", "link lost");
  await shows(page, "link-reason", "closed by the visitor");
  assert.ok(await page.getByTestId("call-submit").isDisabled());
  await page.getByTestId("link-reconnect").click();
  await shows(page, "link-state", /^connected$/);
  await page.getByTestId("call-submit").click();
  await shows(page, "call-value", "42");
});

test("an upload, a stream and the chat go on when the socket is cut", async (lab) => {
  const page = await visit(lab);
  await join(page, "Cut");
  await shows(page, "chat-log", "You came in.");
  await shows(page, "stream-state", "flowing");
  const content = Buffer.alloc(30_000_000, 7);
  await page.getByTestId("upload-file").setInputFiles({ name: "large.bin", mimeType: "", buffer: content });
  await page.getByTestId("link-drop").click();
  await shows(page, "link-state", "reconnecting");
  await shows(page, "link-state", /^connected$/);
  await shows(page, "link-reason", /^everything went on; \d+ frames were sent again$/);
  await shows(page, "upload-hash", createHash("sha256").update(content).digest("hex"));
  await shows(page, "stream-state", "flowing");
  await page.getByTestId("chat-text").fill("Still here.");
  await page.getByTestId("chat-text").press("Enter");
  await shows(page, "chat-log", /Cut\s*Still here\./);
});

test("a killed server shows as a link that reconnects", async (lab) => {
  const own = await Demo.start();
  try {
    const page = await visit(lab, {}, own);
    lab.toleratePageErrors(/WebSocket connection to .* failed/);
    await own.kill();
    await shows(page, "link-state", "reconnecting");
    await shows(page, "link-reason", /attempt [2-9]/);
    await page.getByTestId("link-cut").click();
    await shows(page, "link-state", "link lost");
  } finally {
    await own[Symbol.asyncDispose]();
  }
});

test("everything works with the keyboard alone", async (lab) => {
  const page = await visit(lab);
  await tabTo(page, "call-left");
  await page.keyboard.type("9");
  await tabTo(page, "call-submit");
  await page.keyboard.press("Enter");
  await shows(page, "call-value", "63");
  await tabTo(page, "stream-pause");
  await page.keyboard.press("Space");
  await shows(page, "stream-state", /^paused/);
  await tabTo(page, "upload-made-up");
  await page.keyboard.press("Enter");
  await tabTo(page, "upload-cancel");
  await page.keyboard.press("Enter");
  await tabTo(page, "chat-name");
  await page.keyboard.type("Grace");
  await page.keyboard.press("Enter");
  await shows(page, "chat-log", "You came in.");
  await page.keyboard.type("Hello");
  await page.keyboard.press("Enter");
  await shows(page, "chat-log", /Grace\s*Hello/);
});

for (const colorScheme of ["light", "dark"] as const)
  for (const [screen, width] of [
    ["a wide", 1280],
    ["a narrow", 360],
  ] as const)
    test(`the page is accessible on ${screen} ${colorScheme} screen`, async (lab) => {
      const page = await visit(lab, { colorScheme, viewport: { width, height: 800 } });
      await join(page, `Lin ${colorScheme} ${width}`);
      await page.getByTestId("call-try-zero").click();
      await shows(page, "call-value", "DivisionByZero");
      assert.deepEqual(await violations(page), []);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `the page is ${overflow} pixels wider than its screen`);
    });

async function visit(lab: Lab, options: BrowserContextOptions = {}, server = demo): Promise<Page> {
  const page = await lab.open(server.url, options);
  await shows(page, "link-state", /^connected$/);
  return page;
}

/** Waits until an element contains a text. */
async function shows(page: Page, id: string, text: string | RegExp): Promise<void> {
  await page.getByTestId(id).filter({ hasText: text }).waitFor({ state: "attached", timeout: 60_000 });
}

async function join(page: Page, name: string): Promise<void> {
  await page.getByTestId("chat-name").fill(name);
  await page.getByTestId("chat-join").click();
}

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let steps = 0; steps < 60; steps++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
    if (focused === id) return;
  }
  assert.fail(`${id} is not reachable with the keyboard`);
}

/** Returns the violations that axe detects: contrast, names, roles and other automatic checks. */
async function violations(page: Page): Promise<unknown> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve("axe-core"), "utf8"));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => ({
      id,
      at: nodes.map(({ html, failureSummary }) => [html, failureSummary]),
    }));
  });
}
