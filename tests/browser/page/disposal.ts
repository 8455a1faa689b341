/** `await using`, which tests cannot write themselves: it is compiled to code beside the function. */
import { channel, connect } from "roam-client";
import { Parcels } from "../gen/parcels.js";
import { Streams } from "../gen/streams.js";

/** The link's end after its scope. */
export async function ofLink(): Promise<string> {
  let closed;
  {
    await using link = await connect("/rpc");
    closed = link.closed;
  }
  return (await closed).kind;
}

/** Reads one value of `Streams.countOn`. */
export async function ofStream(key: string): Promise<number | undefined> {
  await using link = await connect("/rpc");
  await using numbers = link.client(Streams).countOn(key);
  const { value } = await numbers.next();
  return value;
}

/** The sum of what was sent into an end that its scope closes. */
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

/** What a handler has got when both ends of a channel that was made here are gone with their scopes. */
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
