/** Calls: results, errors, limits, metadata and deadlines. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("a call returns its result", async (lab) => {
  const tab = await lab.tab();
  const answers = await tab.evaluate(async () => {
    const { echo, divide, mirror } = (await roam.connect("/rpc")).client(Calls);
    const bytes = kit.block(0, 1_000_000);
    const back = await mirror(bytes);
    return [await echo("hello"), await divide(7, -2), back.every((byte, index) => byte === bytes[index]), back.length];
  });
  assert.deepEqual(answers, ["hello", -3n, true, 1_000_000]);
});

test("concurrent calls get their own results", async (lab) => {
  const tab = await lab.tab();
  const right = await tab.evaluate(async () => {
    const { echo, mirror } = (await roam.connect("/rpc")).client(Calls);
    const calls = Array.from({ length: 200 }, async (_, index) =>
      index % 2 === 0 ? echo(`${index}`) : String((await mirror(new Uint8Array(index))).length),
    );
    return (await Promise.all(calls)).every((answer, index) => answer === `${index}`);
  });
  assert.equal(right, true);
});

test("a method's own error is typed and identified by its method", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { divide, echo } = (await roam.connect("/rpc")).client(Calls);
    const error: unknown = await divide(1, 0).catch((error: unknown) => error);
    return {
      value: roam.isErrorOf(divide, error) ? error.value : undefined,
      ofAnother: roam.isErrorOf(echo as never, error),
      failure: kit.describe(error),
      overflow: (await kit.failure(divide(-(2n ** 63n), -1)))?.value,
    };
  });
  assert.deepEqual(report, {
    value: "DivisionByZero",
    ofAnother: false,
    failure: {
      code: "user",
      message: "Calls.divide: DivisionByZero",
      reason: "DivisionByZero",
      method: "Calls.divide",
      value: "DivisionByZero",
    },
    overflow: "Overflow",
  });
});

test("a panicking handler fails only its call", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { panics, echo } = (await roam.connect("/rpc")).client(Calls);
    const failed = await kit.failure(panics());
    return [failed?.code, failed?.method, await echo("still here")];
  });
  assert.deepEqual(report, ["panic", "Calls.panics", "still here"]);
});

test("unknown methods and undecodable payloads are reported", async (lab) => {
  const tab = await lab.tab();
  const codes = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    // Like a file generated from another version of the service.
    const other = <Service extends typeof Calls>(service: Service, change: object): Service => ({
      ...service,
      methods: service.methods.map((method) => (method.name === "echo" ? { ...method, ...change } : method)),
    });
    const unknown = link.client(other(Calls, { id: "0x1" }));
    const longer = link.client(
      other(Calls, {
        args: [
          ["text", "string"],
          ["more", "string"],
        ],
      }),
    );
    return [
      (await kit.failure(unknown.echo("")))?.code,
      (await kit.failure(longer.echo("", "" as never)))?.code,
      (await kit.failure(link.client(other(Calls, { ok: "bool" })).echo("2")))?.code,
      await link.client(Calls).echo("still here"),
    ];
  });
  assert.deepEqual(codes, ["unknown-method", "invalid-payload", "protocol", "still here"]);
});

test("oversized arguments are not sent, and oversized results fail the call", async (lab) => {
  const tab = await lab.tab();
  const { ours, theirs, framesSent, after } = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc-small");
    const { mirror, zeros, echo } = link.client(Calls);
    const before = link.stats().framesOut;
    const refused = await kit.failure(mirror(new Uint8Array(17_000)));
    const sent = link.stats().framesOut - before;
    return {
      ours: [refused?.code, refused?.reason],
      framesSent: sent,
      theirs: (await kit.failure(zeros(17_000)))?.code,
      after: [await echo("still here"), (await mirror(new Uint8Array(16_000))).length],
    };
  });
  assert.equal(ours[0], "too-large");
  assert.match(ours[1] ?? "", /17\D?0\d\d.*16\D?384/);
  assert.equal(framesSent, 0);
  assert.equal(theirs, "too-large");
  assert.deepEqual(after, ["still here", 16_000]);
});

test("metadata of every kind and the token reach the server", async (lab) => {
  const tab = await lab.tab();
  const metadata = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc", { token: () => Promise.resolve("secret") });
    const entries = await link.client(Calls).metadata({
      metadata: [
        ["traceparent", "00-ab-cd-01"],
        ["bytes", Uint8Array.of(1, 2)],
        ["number", 2n ** 64n - 1n],
        ["number", 7],
      ],
    });
    return entries.map(kit.plain);
  });
  assert.deepEqual(metadata, [
    ["authorization", { tag: "Text", value: "Bearer secret" }],
    ["traceparent", { tag: "Text", value: "00-ab-cd-01" }],
    ["bytes", { tag: "Bytes", value: { Uint8Array: [1, 2] } }],
    ["number", { tag: "Number", value: 18_446_744_073_709_551_615n }],
    ["number", { tag: "Number", value: 7n }],
  ]);
});

test("a timeout reaches the server as a deadline", async (lab) => {
  const tab = await lab.tab();
  const [left, none] = await tab.evaluate(async () => {
    const { timeLeft } = (await roam.connect("/rpc")).client(Calls);
    return Promise.all([timeLeft({ timeoutMs: 60_000 }), timeLeft()]);
  });
  assert.equal(none, null);
  assert.ok(left !== null && left > 0 && left <= 60_000, `${left} ms`);
});
