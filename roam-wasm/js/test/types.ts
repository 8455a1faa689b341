// What the compiler accepts and rejects. `npm run check` is the test; nothing here runs.
import * as roam from "@roam-rpc/client";

import {
  Everything,
  type EverythingHandler,
  type MathError,
  type Message,
  type PageUser,
  type Point,
  type User,
} from "../../../roam-codegen/tests/golden/everything.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

declare const link: roam.Link;
declare const file: File;
declare const user: User;
const demo = link.client(Everything);

export async function values(): Promise<void> {
  same<Awaited<ReturnType<typeof demo.divide>>, bigint>(true);
  await demo.divide(7, 2n, { signal: new AbortController().signal, timeoutMs: 500, metadata: { traceparent: "00" } });
  // @ts-expect-error a string is not an i64
  await demo.divide("7", 2);
  // @ts-expect-error an argument is missing
  await demo.divide(7);
  // @ts-expect-error no such option
  await demo.divide(7, 2, { timeout: 1 });
  // @ts-expect-error no such method
  await demo.multiply(7, 2);

  await demo.options(undefined, null, { value: undefined });
  await demo.lists(Int32Array.of(1), [undefined, "a"] as const, [1, 2], new Float64Array(2), [1, "a"]);
  // @ts-expect-error strings are not numbers
  await demo.lists(["1"], [], [], [0, 0], [1, "a"]);
  await demo.maps({ ann: 40 }, new Map([[1, ["one"] as const]]));
  // @ts-expect-error objects are accepted only for maps with string keys
  await demo.maps({ ann: 40 }, { 1: ["one"] });
  await demo.structs(
    { x: 1, y: 2 },
    // `eMail` may be left out, and a number is accepted for a u64.
    { accountId: 5, fullName: "Ann", "last-seen": 1, avatar: new Uint8Array() },
    undefined,
    [1, 2] as const,
  );
  // @ts-expect-error a field is missing
  await demo.structs({ x: 1 }, user, undefined, [1, 2]);
  await demo.enums("red", "Left", { tag: "Circle", radius: 1 });
  // @ts-expect-error no such color
  await demo.enums("pink", "Left", { tag: "Dot" });
  // @ts-expect-error a circle has a radius
  await demo.enums("red", "Left", { tag: "Circle", width: 1 });

  const answer = await demo.message({ tag: "Said", who: 1, what: { tag: "Html", value: { tag: "p", children: [] } } });
  same<typeof answer, Message>(true);
  if (answer.tag === "Pair") same<typeof answer.value, [number, string]>(true);
  same<Awaited<ReturnType<typeof demo.generics>>, PageUser>(true);
  // Web APIs accept received bytes without a conversion.
  new Blob([await demo.bytes(new Uint8Array(), new Uint8Array(4), new Uint8Array())]);
}

export async function errors(): Promise<void> {
  try {
    await demo.divide(1, 0);
  } catch (error) {
    // @ts-expect-error `error` is still unknown
    error.value;
    if (roam.isErrorOf(demo.divide, error)) same<typeof error.value, MathError>(true);
    if (roam.isErrorOf(demo.ticks, error)) same<typeof error.value, MathError>(true);
    if (error instanceof roam.RoamError) same<typeof error.code, roam.RoamErrorCode>(true);
  }
}

export async function streams(): Promise<void> {
  const ticks = demo.ticks(250, { timeoutMs: 1 });
  for await (const tick of ticks) same<typeof tick, Point>(true);
  same<Awaited<typeof ticks.result>, bigint>(true);
  const readable: ReadableStream<Point> = ticks.readable();
  await using disposed = demo.ticks(250);
  await disposed.next();

  const [tx, rx] = roam.channel<Point>();
  same<typeof tx, roam.Tx<Point>>(true);
  await demo.ticks(250, tx);
  // @ts-expect-error the receiver
  await demo.ticks(250, rx);
  // @ts-expect-error the channel has another element type
  await demo.transform(["a"], tx);
  const writable: WritableStream<Point> = tx.writable();

  await demo.sum([1, 2]);
  await demo.sum(new Set([1]));
  await demo.sum(roam.channel<number>()[1]);
  await demo.sum(numbers());
  // @ts-expect-error not numbers
  await demo.sum(["1"]);
  await demo.upload(file, { onProgress: (bytes) => bytes.toFixed() });
  await demo.upload(file.stream());
  await demo.upload(new Uint8Array(3));
  await demo.upload([new Uint8Array(3)]);
  // @ts-expect-error a string is not bytes
  await demo.upload(["abc"]);

  await demo.run({ name: "a", progress: roam.channel<number>()[0] });
  await demo.run({ name: "a", input: ["x"], progress: roam.channel<number>()[0] });
  const messages = await demo.run({ name: "a", input: null, progress: roam.channel<number>()[0] });
  if (messages !== null) for await (const message of messages) same<typeof message, Message>(true);

  const [wide] = roam.channel<bigint>();
  await wide.send(5);
  void [readable, writable];
}

async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

export function handlers(rest: Omit<EverythingHandler, "divide" | "sum" | "ticks" | "run" | "transform">): void {
  link.serve(Everything, {
    ...rest,
    divide(dividend, divisor, { signal }) {
      same<typeof dividend, bigint>(true);
      signal.throwIfAborted();
      if (divisor === 0n) throw roam.userError<MathError>({ tag: "DivisionByZero" });
      return 1;
    },
    async sum(numbers) {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    },
    async ticks(intervalMs, out) {
      await out.send({ x: intervalMs, y: 0 });
      return 1n;
    },
    async run(job) {
      if (job.input !== null) for await (const line of job.input) same<typeof line, string>(true);
      return [{ tag: "Silence" }];
    },
    async transform(input, output) {
      for await (const line of input) await output.send(line);
    },
  });
  // @ts-expect-error methods are missing
  link.serve(Everything, {});
}

export async function early(rest: Omit<EverythingHandler, "divide">): Promise<void> {
  await roam.connect("/rpc", {
    serve: [
      [
        Everything,
        {
          ...rest,
          divide(dividend) {
            same<typeof dividend, bigint>(true);
            return dividend;
          },
        },
      ],
    ],
  });
  // @ts-expect-error methods are missing
  await roam.connect("/rpc", { serve: [[Everything, {}]] });
}

export function stopping(handler: EverythingHandler): void {
  using serving = link.serve(Everything, handler);
  serving();
}

export async function links(): Promise<void> {
  await using other = await roam.connect("wss://example.org/rpc", { token: () => Promise.resolve("secret") });
  const { kind, reason } = await other.closed;
  same<typeof kind, "local" | "goodbye" | "violation" | "transport" | "timeout">(true);
  same<typeof reason, string>(true);
  // @ts-expect-error only `connect` makes links
  new roam.Link();
}
