/** Channel halves nested in arguments and results. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("an argument holds halves in an option, a list, a map and an enum", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { unpack } = (await roam.connect("/rpc")).client(Parcels);
    const [first, firsts] = roam.channel<number>();
    const [second, seconds] = roam.channel<number>();
    const [both, boths] = roam.channel<number>();
    const [text, texts] = roam.channel<string>();
    const contents = unpack({
      label: "seven77",
      single: [1, 2, 3],
      many: [["a", "b"], new Set(["c"]), []],
      named: { first, second },
      slots: [
        { tag: "Empty" },
        { tag: "In", value: kit.count(2) },
        { tag: "Out", text: "echo", out: text },
        { tag: "Both", value: [Uint8Array.of(8, 9), both] },
      ],
    });
    const streams = await Promise.all([firsts, seconds, boths, texts].map((stream) => kit.read<unknown>(stream)));
    return { contents: await contents, streams };
  });
  assert.deepEqual(report.contents, {
    single: [1, 2, 3],
    many: [["a", "b"], ["c"], []],
    slots: [[], [0, 1], [], [8, 9]],
  });
  assert.deepEqual(
    report.streams,
    [[7], [7], [7], ["echo"]].map((values) => ({ values, failure: undefined })),
  );
});

test("an argument may hold no halves", async (lab) => {
  const tab = await lab.tab();
  const contents = await tab.evaluate(async () => {
    const { unpack } = (await roam.connect("/rpc")).client(Parcels);
    return unpack({ label: "", single: null, many: [], named: {}, slots: [] });
  });
  assert.deepEqual(contents, { single: [], many: [], slots: [] });
});

test("a result holds halves", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const parcel = await (await roam.connect("/rpc")).client(Parcels).pack();
    const [, numbers, lengths, measured] = parcel.slots;
    const named = parcel.named.get("numbers");
    if (numbers?.tag !== "In" || lengths?.tag !== "Out" || measured?.tag !== "In" || named === undefined) return;
    for (const number of [4, 5]) await named.send(number);
    await named.close();
    await lengths.out.send("four");
    const length = await measured.value.next();
    await lengths.out.send("eleven chars");
    await lengths.out.close();
    return {
      label: parcel.label,
      single: parcel.single && (await kit.read(parcel.single)),
      many: await Promise.all(parcel.many.map(kit.read)),
      echoed: await kit.read(numbers.value),
      length: length.value,
      lengths: await kit.read(measured.value),
    };
  });
  const clean = (values: unknown[]): object => ({ values, failure: undefined });
  assert.deepEqual(report, {
    label: "from Rust",
    single: clean([1, 2, 3]),
    many: [clean(["a"]), clean([])],
    echoed: clean([4, 5]),
    length: 4,
    lengths: clean([12]),
  });
});

test("a method returns a stream or an optional stream", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { numbers, perhaps } = (await roam.connect("/rpc")).client(Parcels);
    const long = await kit.read(await numbers(100_000));
    const some = await perhaps(true);
    return {
      long: [long.values.length, long.values.every((value, index) => value === index), long.failure],
      some: some && (await kit.read(some)).values,
      none: await perhaps(false),
    };
  });
  assert.deepEqual(report, { long: [100_000, true, undefined], some: [42], none: null });
});

test("a receiver from the server is passed to another method", async (lab) => {
  const tab = await lab.tab();
  const tally = await tab.evaluate(async () => {
    const link = await roam.connect("/rpc");
    return link.client(Streams).tally(await link.client(Parcels).numbers(10_000));
  });
  assert.deepEqual(tally, { count: 10_000, in_order: true });
});

test("the page closes or aborts a returned sender", async (lab) => {
  const tab = await lab.tab();
  const [sum, aborted] = await tab.evaluate(async () => {
    const { adder } = (await roam.connect("/rpc")).client(Parcels);
    const one = await adder();
    await one.numbers.send(2);
    await one.numbers.send(3);
    await one.numbers.close();
    const other = await adder();
    await other.numbers.send(2);
    other.numbers.abort();
    return [await kit.read(one.sum), await kit.read(other.sum)] as const;
  });
  assert.deepEqual(sum, { values: [5n], failure: undefined });
  assert.equal(aborted.failure?.code, "reset");
});
