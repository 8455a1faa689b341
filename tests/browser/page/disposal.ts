/** `await using`. Tests cannot use it themselves, because it compiles to helpers outside the function. */
import { channel, connect } from "@roam-rpc/client";
import { Parcels } from "../gen/parcels.js";
import { Streams } from "../gen/streams.js";

/** Returns how a link ended with its scope. */
export async function ofLink(): Promise<string> {
  let closed;
  {
    await using link = await connect("/rpc");
    closed = link.closed;
  }
  return (await closed).kind;
}

/** Reads one element of `Streams.countOn`. */
export async function ofStream(key: string): Promise<number | undefined> {
  await using link = await connect("/rpc");
  await using numbers = link.client(Streams).countOn(key);
  const { value } = await numbers.next();
  return value;
}

/** Returns the sum of the elements sent on a sender that its scope closes. */
export async function ofSender(): Promise<bigint | undefined> {
  await using link = await connect("/rpc");
  const { numbers, sum } = await link.client(Parcels).adder();
  {
    await using open = numbers;
    await open.send(20);
    await open.send(22);
  }
  return (await sum.next()).value;
}

/** Returns what a handler received on a channel of the page whose sender its scope closes. */
export async function ofChannel(): Promise<unknown> {
  await using link = await connect("/rpc");
  const [tx, rx] = channel<number>();
  const tally = link.client(Streams).tally(rx);
  {
    await using open = tx;
    await open.send(0);
  }
  return await tally;
}
