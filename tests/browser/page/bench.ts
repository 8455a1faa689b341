/** Benchmarks that run in the tab. */
import { connect } from "@roam-rpc/client";
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

async function perSecond(count: number, work: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (count / (performance.now() - start)) * 1000;
}
