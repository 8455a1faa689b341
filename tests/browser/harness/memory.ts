import { readFile } from "node:fs/promises";
import type { CDPSession, Page } from "playwright-core";

/**
 * Bytes that the page holds: of JavaScript's heap what is alive, its buffers, and wasm's memory.
 *
 * While the page works, a buffer that has just died still counts. Of a few looks in a row the one
 * that saw the least is the truest.
 */
export async function tabMemory(tab: Page): Promise<number> {
  const session = await tab.context().newCDPSession(tab);
  try {
    const looks = [];
    for (let i = 0; i < LOOKS; i++) looks.push(await look(session));
    return Math.min(...looks) + (await tab.evaluate(() => kit.wasmBytes()));
  } finally {
    await session.detach();
  }
}

const LOOKS = 3;

async function look(session: CDPSession): Promise<number> {
  // Sent together, so that the page does nothing in between.
  const [, usage] = await Promise.all([
    session.send("HeapProfiler.collectGarbage"),
    session.send("Runtime.getHeapUsage"),
  ]);
  const { usedSize, backingStorageSize } = usage as HeapUsage;
  return usedSize + backingStorageSize;
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
