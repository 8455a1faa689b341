import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";

/** Bytes that the page holds: of JavaScript's heap what is alive, its buffers, and wasm's memory. */
export async function tabMemory(tab: Page): Promise<number> {
  const session = await tab.context().newCDPSession(tab);
  try {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize } = (await session.send("Runtime.getHeapUsage")) as HeapUsage;
    // Chromium may count wasm's memory among the buffers as well; twice is not too little.
    return usedSize + backingStorageSize + (await tab.evaluate(() => kit.wasmBytes()));
  } finally {
    await session.detach();
  }
}

/** Of Chromium's protocol, newer than playwright's types of it. */
interface HeapUsage {
  readonly usedSize: number;
  /** Of buffers, outside of the heap. */
  readonly backingStorageSize: number;
}

/** Bytes of a process in memory. */
export function rss(pid: number): Promise<number> {
  return processMemory(pid, "VmRSS");
}

/** The most that it ever was. */
export function peakRss(pid: number): Promise<number> {
  return processMemory(pid, "VmHWM");
}

async function processMemory(pid: number, figure: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${figure}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`no ${figure} of process ${pid}`);
  return Number(kibibytes) * 1024;
}
