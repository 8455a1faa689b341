import type { BrowserContextOptions, Page } from "playwright-core";
import { browser } from "./chromium.js";

/** A tab, and what it complained about. */
export interface Tab {
  readonly page: Page;
  /** Uncaught errors, errors on the console, and what the page's policy forbade. */
  readonly complaints: string[];
}

/** Opens a tab in a window of its own. */
export async function openTab(options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await (await browser()).newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.addInitScript(catchWasmMemories);
  return { page, complaints };
}

/** Waits until the test page has loaded what tests use. */
export async function loadTestPage({ page }: Tab, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
}

/** Runs in the tab, before everything else: how large wasm's memory is, only its owner knows. */
function catchWasmMemories(): void {
  const memories: WebAssembly.Memory[] = [];
  (globalThis as { wasmMemories?: WebAssembly.Memory[] }).wasmMemories = memories;
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...args) => {
    const source = await instantiateStreaming(...args);
    memories.push(source.instance.exports["memory"] as WebAssembly.Memory);
    return source;
  };
}
