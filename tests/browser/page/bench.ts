/** Benchmarks that run in the tab. */
import { connect, type Link } from "@roam-rpc/client";
import { Calls } from "../gen/calls.js";
import { Streams } from "../gen/streams.js";
import { block, count } from "./kit.js";

/** The number of calls, or frames, in flight at once. */
const IN_FLIGHT = 256;

/** Returns calls per second. */
export async function calls(total: number): Promise<number> {
  const link = await connect("/rpc");
  const { echo } = link.client(Calls);
  let started = 0;
  const caller = async (): Promise<void> => {
    while (started < total) {
      started += 1;
      await echo("0123456789abcdef");
    }
  };
  const rate = await perSecond(total, () => Promise.all(Array.from({ length: IN_FLIGHT }, caller)));
  await link.close();
  return rate;
}

/** Returns frames per second that a raw WebSocket echoes. */
export async function frames(total: number): Promise<number> {
  const socket = new WebSocket("/echo");
  socket.binaryType = "arraybuffer";
  await new Promise((resolve) => (socket.onopen = resolve));
  const frame = new TextEncoder().encode("0123456789abcdef");
  const rate = await perSecond(total, () => echoFrames(socket, frame, total));
  socket.close();
  return rate;
}

function echoFrames(socket: WebSocket, frame: Uint8Array<ArrayBuffer>, total: number): Promise<void> {
  return new Promise((resolve) => {
    let sent = 0;
    let received = 0;
    const send = (): void => {
      sent += 1;
      socket.send(frame);
    };
    socket.onmessage = () => {
      received += 1;
      if (received === total) resolve();
      else if (sent < total) send();
    };
    while (sent < IN_FLIGHT) send();
  });
}

/** Returns elements per second from the server. */
export async function received(total: number): Promise<number> {
  const link = await connect("/rpc");
  const rate = await perSecond(total, async () => {
    for await (const number of link.client(Streams).count(total)) void number;
  });
  await link.close();
  return rate;
}

/** Returns elements per second to the server. */
export async function sent(total: number): Promise<number> {
  const link = await connect("/rpc");
  const rate = await perSecond(total, () => link.client(Streams).tally(count(total)));
  await link.close();
  return rate;
}

/** Returns MB per second to the server. */
export async function uploaded(megabytes: number): Promise<number> {
  const link = await connect("/rpc");
  const chunk = block(0, 1_000_000);
  const chunks = Array.from({ length: megabytes }, () => chunk);
  const rate = await perSecond(megabytes, () => link.client(Streams).digest(chunks));
  await link.close();
  return rate;
}

/** The times of calls, in milliseconds: the median and the 99th percentile. */
export type Times = [p50: number, p99: number];

/** Measures calls alone, and beside streams that send as fast as they can, for `seconds` each. */
export async function beside(what: "upload" | "streams", seconds: number): Promise<{ alone: Times; beside: Times }> {
  const link = await connect("/rpc");
  const alone = await times(link, seconds);
  const stop = new AbortController();
  const busy =
    what === "upload" ? [upload(link, stop.signal)] : Array.from({ length: 100 }, () => pour(link, stop.signal));
  const loaded = await times(link, seconds);
  stop.abort();
  await Promise.all(busy);
  await link.close();
  return { alone, beside: loaded };
}

/** Makes a call every few milliseconds. */
async function times(link: Link, seconds: number): Promise<Times> {
  const { echo } = link.client(Calls);
  const all: number[] = [];
  for (const start = performance.now(); performance.now() - start < seconds * 1000;) {
    const called = performance.now();
    await echo("0123456789abcdef");
    all.push(performance.now() - called);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  all.sort((a, b) => a - b);
  const percentile = (share: number): number => all[Math.ceil(all.length * share) - 1] ?? NaN;
  return [percentile(0.5), percentile(0.99)];
}

/** Uploads until the signal aborts. */
async function upload(link: Link, stop: AbortSignal): Promise<void> {
  const chunk = block(0, 64 * 1024);
  const chunks = function* (): Generator<Uint8Array<ArrayBuffer>> {
    while (!stop.aborted) yield chunk;
  };
  await link.client(Streams).digest(chunks());
}

/** Reads numbers until the signal aborts. */
async function pour(link: Link, stop: AbortSignal): Promise<void> {
  for await (const number of link.client(Streams).count(2 ** 32 - 1)) {
    void number;
    if (stop.aborted) break;
  }
}

async function perSecond(count: number, work: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (count / (performance.now() - start)) * 1000;
}
