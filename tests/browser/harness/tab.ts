import type { BrowserContextOptions, Page } from "playwright-core";
import { browser } from "./chromium.js";

/** A tab and the errors that it reported. */
export interface Tab {
  readonly page: Page;
  /** Uncaught errors, console errors, and violations of the page's policy. */
  readonly errors: string[];
}

/** Opens a tab in a browser context of its own. */
export async function openTab(options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await (await browser()).newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.addInitScript(recordWasmMemories);
  return { page, errors };
}

/** Opens the test page and waits until its globals are defined. */
export async function loadTestPage({ page }: Tab, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
}

/** Runs first in the tab and records wasm's memories, whose size is otherwise not accessible. */
function recordWasmMemories(): void {
  const memories: WebAssembly.Memory[] = [];
  (globalThis as { wasmMemories?: WebAssembly.Memory[] }).wasmMemories = memories;
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...args) => {
    const source = await instantiateStreaming(...args);
    memories.push(source.instance.exports["memory"] as WebAssembly.Memory);
    return source;
  };
}
