/** Mistakes of the caller: the error names the place, and nothing is sent. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("a wrong type or range is reported with its path", async (lab) => {
  const tab = await lab.tab();
  const { messages, codes, framesSent } = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    // Like a JavaScript caller, without type checks.
    const any = (value: unknown): never => value as never;
    const { jobs, integers, collections, enums, scalars } = link.client(Values);
    const before = link.stats().framesOut;
    const wrong = [
      jobs([{ n: 1 }, { n: 2 }, { n: -1 }]),
      jobs([{ n: 1.5 }]),
      jobs([{ n: any("1") }]),
      jobs(any([{}])),
      jobs(any({ length: 1 })),
      jobs(any(null)),
      jobs([any(Object.create({ n: 1 }))]),
      integers(any({ u8: 256 })),
      integers(any({ u8: 0, u16: 0, u32: 0, u64: -1n })),
      integers(any({ u8: 0, u16: 0, u32: 0, u64: 2 ** 53 })),
      collections(any({ list: [], queue: [], set: [], corner: [1] })),
      collections(any({ list: [], queue: [], set: [], corner: [1, 2], pair: [1, 2] })),
      collections(any({ list: [], queue: [], set: [], corner: [1, 2], pair: [1, ""], ages: { Ada: "36" } })),
      enums([{ tag: "Group", value: [{ tag: "Circle", radius: any("2") }] }], "red"),
      enums([any({ tag: "Oval" })], "red"),
      enums([], any("blue")),
      scalars(any({ yes: 1 })),
      scalars(any({ yes: true, single: 1e300 })),
      scalars(any({ yes: true, single: 0, double: 0, letter: "ab" })),
    ];
    const failures = await Promise.all(wrong.map(kit.failure));
    return {
      messages: failures.map((failure) => failure?.message),
      codes: [...new Set(failures.map((failure) => failure?.code))],
      framesSent: link.stats().framesOut - before,
    };
  });
  assert.deepEqual(codes, ["invalid-argument"]);
  assert.equal(framesSent, 0);
  assert.deepEqual(messages, [
    "Values.jobs: jobs[2].n: expected an integer from 0 to 4294967295, got -1",
    "Values.jobs: jobs[0].n: expected an integer from 0 to 4294967295, got 1.5",
    'Values.jobs: jobs[0].n: expected an integer from 0 to 4294967295, got "1"',
    "Values.jobs: jobs[0].n: expected an integer from 0 to 4294967295, got undefined",
    "Values.jobs: jobs: expected an array, got an object",
    "Values.jobs: jobs: expected an array, got null",
    "Values.jobs: jobs[0].n: expected an integer from 0 to 4294967295, got undefined",
    "Values.integers: value.u8: expected an integer from 0 to 255, got 256",
    "Values.integers: value.u64: expected a bigint or safe integer from 0 to 18446744073709551615, got -1n",
    "Values.integers: value.u64: expected a bigint or safe integer from 0 to 18446744073709551615, got 9007199254740992",
    "Values.collections: value.corner: expected an array of 2 elements, got a value of class Array",
    "Values.collections: value.pair[1]: expected a string, got 2",
    'Values.collections: value.ages["Ada"]: expected an integer from 0 to 4294967295, got "36"',
    'Values.enums: values[0].value[0].radius: expected a number, got "2"',
    'Values.enums: values[0].tag: expected one of "Dot", "Circle", "Text", "Segment", "Group", got "Oval"',
    'Values.enums: color: expected one of "red", "green", got "blue"',
    "Values.scalars: value.yes: expected a boolean, got 1",
    "Values.scalars: value.single: expected a number that an f32 can hold, got 1e+300",
    'Values.scalars: value.letter: expected a string of one character, got "ab"',
  ]);
});

test("a wrong element leaves its channel open", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const [tx, rx] = roam.channel<number>();
    const tally = link.client(Streams).tally(rx);
    await tx.send(0);
    const wrong = await kit.failure(tx.send(-1));
    await tx.send(1);
    await tx.close();
    return { wrong: wrong?.message, code: wrong?.code, tally: await tally };
  });
  assert.deepEqual(report, {
    wrong: "Streams.tally: element: expected an integer from 0 to 4294967295, got -1",
    code: "invalid-argument",
    tally: { count: 2, in_order: true },
  });
});

test("an iterable that throws or yields a wrong element fails its call", async (lab) => {
  const tab = await lab.tab();
  const [wrong, thrown] = await tab.evaluate(async () => {
    const { tally } = (await roam.connect("/rpc")).client(Streams);
    const faulty = function* (): Generator<number> {
      yield 0;
      throw new RangeError("out of numbers");
    };
    return Promise.all([kit.failure(tally([0, 1, "2" as never])), kit.failure(tally(faulty()))]);
  });
  assert.deepEqual(
    [wrong?.code, wrong?.reason],
    ["invalid-argument", 'element: expected an integer from 0 to 4294967295, got "2"'],
  );
  assert.deepEqual(thrown, { code: "RangeError", message: "out of numbers" });
});

test("a closed link refuses calls and streams", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const { echo } = link.client(Calls);
    const { numbers, sum } = await link.client(Parcels).adder();
    await link.close("done here");
    await link.close();
    return {
      call: await kit.failure(echo("hello")),
      stream: (await kit.read(link.client(Streams).count(3))).failure?.code,
      send: (await kit.failure(numbers.send(1)))?.code,
      receive: (await kit.failure(sum.next()))?.code,
      closed: await link.closed,
      calls: link.stats().callsOut,
    };
  });
  assert.deepEqual(report, {
    call: {
      code: "closed",
      message: "Calls.echo: the link was closed: done here",
      reason: "the link was closed: done here",
      method: "Calls.echo",
      value: undefined,
    },
    stream: "closed",
    send: "closed",
    receive: "closed",
    closed: { kind: "local", reason: "done here" },
    calls: 0,
  });
});

test("an already aborted signal stops calls and connecting", async (lab) => {
  const tab = await lab.tab();
  const { call, connect, framesSent } = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    const before = link.stats().framesOut;
    const signal = AbortSignal.abort(new RangeError("too late"));
    const failed = await kit.failure(link.client(Calls).echo("hello", { signal }));
    return {
      call: failed,
      framesSent: link.stats().framesOut - before,
      connect: await kit.failure(roam.connect("/rpc", { signal })),
    };
  });
  const expected = { code: "RangeError", message: "too late" };
  assert.deepEqual([call, connect, framesSent], [expected, expected, 0]);
});

test("invalid URLs and failed connections are told apart", async (lab) => {
  lab.expectPageError(/ERR_CONNECTION_REFUSED|Content Security Policy/);
  lab.expectPageError(/Unexpected response code: 405|Unexpected response code: 200|Unexpected response code: 404/);
  const tab = await lab.tab();
  const failures = await tab.evaluate(() =>
    Promise.all(
      ["http://[", "ftp://127.0.0.1/rpc", "ws://127.0.0.1:1/", "/main.js"].map((url) => kit.failure(roam.connect(url))),
    ),
  );
  assert.deepEqual(
    failures.map((failure) => failure?.code),
    ["invalid-argument", "invalid-argument", "connect", "connect"],
  );
  assert.equal(failures[0]?.message, 'url: "http://[" is not a URL');
  assert.equal(failures[1]?.message, "url: ftp: is not one of ws:, wss:, http:, https:");
});

test("wrong options are refused", async (lab) => {
  const tab = await lab.tab();
  const messages = await tab.evaluate(async () => {
    const { echo } = (await roam.connect("/rpc")).client(Calls);
    const wrong: unknown[] = [7, null, { signal: "stop" }, { timeoutMs: -1 }, { timeoutMs: NaN }, { onProgress: 1 }];
    wrong.push({ metadata: "x" }, { metadata: { key: -1 } }, { metadata: { ["k".repeat(300)]: "v" } });
    const failures = await Promise.all(wrong.map((options) => kit.failure(echo("", options as never))));
    return failures.map((failure) => failure?.code);
  });
  assert.deepEqual(messages, Array(9).fill("invalid-argument"));
});

test("a receiver is passed once, and not together with its sender", async (lab) => {
  const tab = await lab.tab();
  const [again, both] = await tab.evaluate(async () => {
    const { tally, transform } = (await roam.connect("/rpc")).client(Streams);
    const [tx, rx] = roam.channel<number>();
    const first = tally(rx);
    const second = await kit.failure(tally(rx));
    await tx.close();
    await first;
    const [output, input] = roam.channel<string>();
    return [second?.code, (await kit.failure(transform(input, output)))?.code];
  });
  assert.deepEqual([again, both], ["invalid-argument", "invalid-argument"]);
});
