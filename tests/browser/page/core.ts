/** Test functions for a browser that does not accept functions from Node. */
import { connect } from "@roam-rpc/client";
import { Calls } from "../gen/calls.js";
import { Streams, type Tally } from "../gen/streams.js";
import { count, failure, read } from "./kit.js";

/** Streams `total` elements in each direction. */
export async function streams(url: string, total: number): Promise<{ received: Tally; sent: Tally }> {
  await using link = await connect(url);
  const received = { count: 0, in_order: true };
  for await (const number of link.client(Streams).count(total)) {
    received.in_order &&= number === received.count;
    received.count += 1;
  }
  return { received, sent: await link.client(Streams).tally(count(total)) };
}

/** Starts an endless call and stream, and returns the codes of the errors that end them. */
export async function hold(url: string, key: string): Promise<unknown> {
  const link = await connect(url);
  const call = failure(link.client(Calls).hang(`${key} call`));
  const stream = read(link.client(Streams).countOn(`${key} stream`));
  return [(await call)?.code, (await stream).failure?.code];
}
