/** A tour of everything that a link can do, for each environment that the package supports. */
import { channel, connect, type ConnectOptions, isErrorOf, type Link, userError } from "@roam-rpc/client";
import { Calls } from "../gen/calls.js";
import { Notifier } from "../gen/notifier.js";
import { Parcels } from "../gen/parcels.js";
import { Streams } from "../gen/streams.js";
import { Values } from "../gen/values.js";
import { Watch } from "../gen/watch.js";
import { block, count, failure, read } from "./kit.js";

/** The results of each part, as JSON values. */
export type Report = Readonly<Record<string, unknown>>;

/** The expected report. */
export const EXPECTED: Report = {
  call: "grüß dich",
  bigint: "-3",
  value: 'Text("ü")',
  ownError: "DivisionByZero",
  unserved: "unknown-method",
  invalid: "Values.jobs: jobs[1].n: expected an integer from 0 to 4294967295, got -1",
  received: 2_000,
  receivedInOrder: true,
  result: 2_000,
  sent: { count: 2_000, in_order: true },
  bothWays: ["olleh", "dlrow"],
  hashed: "1048576 bytes, 16384 at most",
  progress: 1_048_576,
  returned: [0, 1, 2],
  left: true,
  aborted: "Stopped",
  deadline: ["deadline", "Stopped"],
  calledBack: "page: hello",
  refused: { tag: "Refused", value: { tag: "TooYoung", least: 18 } },
  calls: 0,
  closed: ["local", "bye"],
  pending: "closed",
  streaming: "closed",
};

/** Runs the tour. The keys of its handlers start with `key`. */
export async function tour(url: string, key: string, options?: ConnectOptions): Promise<Report> {
  const link = await connect(url, options);
  return {
    ...(await calls(link)),
    ...(await streams(link)),
    ...(await endings(link, key)),
    ...(await backwards(link)),
    ...(await close(link, key)),
  };
}

async function calls(link: Link): Promise<Report> {
  const { echo, divide } = link.client(Calls);
  const values = link.client(Values);
  const [shapes] = await values.enums([{ tag: "Text", value: "ü" }], "red");
  return {
    call: await echo("grüß dich"),
    bigint: String(await divide(7n, -2)),
    value: shapes.debug.slice(1, -1),
    ownError: await divide(1, 0).catch((error: unknown) => isErrorOf(divide, error) && error.value),
    unserved: (await failure(link.client(Notifier).notify("nobody")))?.code,
    invalid: (await failure(values.jobs([{ n: 1 }, { n: -1 }])))?.message,
  };
}

async function streams(link: Link): Promise<Report> {
  const { count: numbers, tally, transform, digest } = link.client(Streams);
  const received = numbers(2_000);
  const { values } = await read(received);
  const [output, reversed] = channel<string>();
  const [, { values: bothWays }] = await Promise.all([transform(["hello", "world"], output), read(reversed)]);
  let progress = 0;
  const { bytes, longest } = await digest(stream([block(0, 1_000_000), block(1, 48_576)]), {
    onProgress: (consumed) => (progress = consumed),
  });
  const returned = await link.client(Parcels).numbers(3);
  return {
    received: values.length,
    receivedInOrder: values.every((value, index) => value === index),
    result: await received.result,
    sent: await tally(count(2_000)),
    bothWays,
    hashed: `${bytes} bytes, ${longest} at most`,
    progress,
    returned: (await read(returned)).values,
  };
}

async function endings(link: Link, key: string): Promise<Report> {
  const watch = link.client(Watch);
  for await (const block of link.client(Streams).pour(`${key} left`, 1_000)) if (block.length === 1_000) break;
  const controller = new AbortController();
  const { hang } = link.client(Calls);
  const aborted = failure(hang(`${key} aborted`, { signal: controller.signal }));
  await watch.started(`${key} aborted`);
  controller.abort();
  await aborted;
  const late = await failure(hang(`${key} late`, { timeoutMs: 250 }));
  // It may see the end of its channel before it is aborted.
  const { phase } = await watch.ended(`${key} left`);
  return {
    left: phase === "Finished" || phase === "Stopped",
    aborted: (await watch.ended(`${key} aborted`)).phase,
    deadline: [late?.code, (await watch.ended(`${key} late`)).phase],
  };
}

async function backwards(link: Link): Promise<Report> {
  link.serve(Notifier, {
    notify: (text) => `page: ${text}`,
    admit(age) {
      if (age < 18) throw userError({ tag: "TooYoung", least: 18 });
      return "welcome";
    },
    wait: () => undefined,
    reverse: () => 0,
  });
  const { callBack, askBack } = link.client(Calls);
  return { calledBack: await callBack("hello"), refused: await askBack(17) };
}

async function close(link: Link, key: string): Promise<Report> {
  const { callsOut: callsLeft } = link.stats();
  const pending = failure(link.client(Calls).hang(`${key} pending`));
  const streaming = read(link.client(Streams).pour(`${key} streaming`, 1_000));
  await link.client(Watch).started(`${key} streaming`);
  await link.close("bye");
  const { kind, reason } = await link.closed;
  return {
    calls: callsLeft,
    closed: [kind, reason],
    pending: (await pending)?.code,
    streaming: (await streaming).failure?.code,
  };
}

function stream(chunks: readonly Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
