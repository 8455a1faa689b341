import { readFile } from "node:fs/promises";
import type { CDPSession, Page } from "playwright-core";

/**
 * Returns the bytes that the page holds: live objects on JavaScript's heap, buffers, and wasm's memory.
 *
 * While the page works, a buffer that just became garbage still counts, so this takes a few samples
 * and returns the smallest.
 */
export async function tabMemory(tab: Page): Promise<number> {
  const session = await tab.context().newCDPSession(tab);
  try {
    const samples = [];
    for (let i = 0; i < SAMPLES; i++) samples.push(await sample(session));
    return Math.min(...samples) + (await tab.evaluate(() => kit.wasmBytes()));
  } finally {
    await session.detach();
  }
}

const SAMPLES = 3;

async function sample(session: CDPSession): Promise<number> {
  // Sent together, so that the page cannot run in between.
  const [, usage] = await Promise.all([
    session.send("HeapProfiler.collectGarbage"),
    session.send("Runtime.getHeapUsage"),
  ]);
  const { usedSize, backingStorageSize } = usage as HeapUsage;
  return usedSize + backingStorageSize;
}

/** Part of Chromium's protocol that playwright's types do not cover yet. */
interface HeapUsage {
  readonly usedSize: number;
  /** The size of buffers outside the heap. */
  readonly backingStorageSize: number;
}

/** Returns the resident memory of a process in bytes. */
export function rss(pid: number): Promise<number> {
  return processMemory(pid, "VmRSS");
}

/** Returns the peak resident memory of a process in bytes. */
export function peakRss(pid: number): Promise<number> {
  return processMemory(pid, "VmHWM");
}

async function processMemory(pid: number, figure: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kibibytes = new RegExp(`^${figure}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`no ${figure} of process ${pid}`);
  return Number(kibibytes) * 1024;
}
