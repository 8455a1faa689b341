/** Calls of each kind, and what ends them, for the table in docs/cancellation.md. */
import { channel, connect, type Link, type ResultStream, type Rx, type Tx } from "@roam-rpc/client";
import { Endings } from "../gen/endings.js";
import { failure } from "./kit.js";

export type Kind = "plain call" | "`Tx` argument" | "`Rx` argument" | "returned `Rx`";

/** What ends a call: the rows of the table. Those that a page cannot do by a call are done by the test. */
export type Way =
  | "its `signal` is aborted"
  | "its `timeoutMs` passes"
  | "`break` in the loop over the stream"
  | "`return()` of the stream"
  | "`break`, and its `result` was read"
  | "`return()` of an `Rx` of `channel()`"
  | "`close()` of a `Tx` of `channel()`"
  | "`abort()` of a `Tx` of `channel()`"
  | "the iterable for an `Rx` throws"
  | "`close()` of the link"
  | "the page is closed"
  | "another page is opened"
  | "the link is lost for good"
  | "the link is cut, and goes on";

/** Where a call is made, and the keys by which the server's handler and its half are watched. */
export interface Cell {
  readonly url: string;
  readonly kind: Kind;
  readonly way: Way;
  readonly key: string;
  readonly half: string;
}

interface Held {
  readonly link: Link;
  readonly controller: AbortController;
  call?: Promise<number>;
  stream?: ResultStream<number, Promise<number>>;
  rx?: Rx<number>;
  tx?: Tx<number>;
  /** Makes the iterable throw. */
  fail?: () => void;
}

const TIMEOUT_MS = 250;

const calls = new Map<string, Held>();

/** Makes a call. */
export async function begin({ url, kind, way, key, half }: Cell): Promise<void> {
  const link = await connect(url);
  const held: Held = { link, controller: new AbortController() };
  calls.set(key, held);
  const { stay, give, take, lend } = link.client(Endings);
  const timed = way === "its `timeoutMs` passes" ? { timeoutMs: TIMEOUT_MS } : {};
  const options = { signal: held.controller.signal, ...timed };
  const [tx, rx] = channel<number>();
  switch (kind) {
    case "plain call":
      held.call = stay(key, options);
      break;
    case "`Tx` argument":
      if (way === "`return()` of an `Rx` of `channel()`") {
        held.rx = rx;
        held.call = give(key, half, tx);
      } else held.stream = give(key, half, options);
      break;
    case "`Rx` argument":
      if (way === "the iterable for an `Rx` throws") {
        const failed = new Promise<never>((_, reject) => (held.fail = () => reject(new RangeError("enough"))));
        held.call = take(key, half, throwing(failed));
      } else {
        held.tx = tx;
        held.call = take(key, half, rx, options);
      }
      break;
    case "returned `Rx`":
      held.rx = await lend(key, half, options);
  }
  // The test asks for the outcome only where the call goes on.
  void held.call?.catch(() => undefined);
}

async function* throwing(failed: Promise<never>): AsyncGenerator<number> {
  yield 1;
  await failed;
}

/** Ends a call, and returns when the page has done so, in milliseconds since 1970. */
export async function end({ way, key }: Cell): Promise<number> {
  const { link, controller, stream, rx, tx, call, fail } = calls.get(key)!;
  const now = Date.now();
  switch (way) {
    case "its `signal` is aborted":
      controller.abort();
      break;
    case "its `timeoutMs` passes":
      await failure(call ?? stream?.result ?? link.client(Endings).stay(`${key} too late`, { timeoutMs: TIMEOUT_MS }));
      return Date.now();
    case "`break`, and its `result` was read":
      void stream!.result;
      for await (const _ of stream!) break;
      break;
    case "`break` in the loop over the stream":
      for await (const _ of stream ?? rx!) break;
      break;
    case "`return()` of the stream":
      await (stream ?? rx!).return();
      break;
    case "`return()` of an `Rx` of `channel()`":
      await rx!.return();
      break;
    case "`close()` of a `Tx` of `channel()`":
      await tx!.close();
      break;
    case "`abort()` of a `Tx` of `channel()`":
      tx!.abort();
      break;
    case "the iterable for an `Rx` throws":
      fail!();
      break;
    case "`close()` of the link":
      await link.close();
  }
  return now;
}

/** Uses the channel of a call that goes on. Returns the last number that it carries to the page. */
export async function useChannel({ key }: Cell): Promise<number | undefined> {
  const { stream, rx, tx } = calls.get(key)!;
  if (tx !== undefined) {
    await tx.send(1);
    await tx.close();
    return undefined;
  }
  // The stream itself ends with its call, not before.
  const numbers = (stream ?? rx)!;
  for (;;) {
    const { value, done } = await numbers.next();
    if (done === true || value === 1) return value;
  }
}

/** Returns the answer of a call that goes on. */
export function answer({ key }: Cell): Promise<number> {
  const { call, stream } = calls.get(key)!;
  return call ?? stream!.result;
}

/** Closes the link of a call. */
export async function finish({ key }: Cell): Promise<void> {
  await calls.get(key)!.link.close();
  calls.delete(key);
}
