/** Round trips of values of every kind; `debug` is the value's `Debug` form in Rust. */
import assert from "node:assert/strict";
import { test } from "../harness/test.js";

test("integers of every width at their limits", async (lab) => {
  const tab = await lab.tab();
  const [most, least] = await tab.evaluate(async () => {
    const { integers } = (await roam.connect("/rpc")).client(Values);
    return Promise.all([
      integers({
        u8: 255,
        u16: 65_535,
        u32: 2 ** 32 - 1,
        u64: 2n ** 64n - 1n,
        u128: 2n ** 128n - 1n,
        usize: 2n ** 64n - 1n,
        i8: 127,
        i16: 32_767,
        i32: 2 ** 31 - 1,
        i64: 2n ** 63n - 1n,
        i128: 2n ** 127n - 1n,
        isize: 2n ** 63n - 1n,
      }),
      integers({
        u8: 0,
        u16: 0,
        u32: 0,
        u64: 0n,
        u128: 0n,
        usize: 0n,
        i8: -128,
        i16: -32_768,
        i32: -(2 ** 31),
        i64: -(2n ** 63n),
        i128: -(2n ** 127n),
        isize: -(2n ** 63n),
      }),
    ]);
  });
  assert.deepEqual(most.value, {
    u8: 255,
    u16: 65_535,
    u32: 4_294_967_295,
    u64: 18_446_744_073_709_551_615n,
    u128: 340_282_366_920_938_463_463_374_607_431_768_211_455n,
    usize: 18_446_744_073_709_551_615n,
    i8: 127,
    i16: 32_767,
    i32: 2_147_483_647,
    i64: 9_223_372_036_854_775_807n,
    i128: 170_141_183_460_469_231_731_687_303_715_884_105_727n,
    isize: 9_223_372_036_854_775_807n,
  });
  assert.equal(
    most.debug,
    "Integers { u8: 255, u16: 65535, u32: 4294967295, u64: 18446744073709551615, " +
      "u128: 340282366920938463463374607431768211455, usize: 18446744073709551615, " +
      "i8: 127, i16: 32767, i32: 2147483647, i64: 9223372036854775807, " +
      "i128: 170141183460469231731687303715884105727, isize: 9223372036854775807 }",
  );
  assert.equal(
    least.debug,
    "Integers { u8: 0, u16: 0, u32: 0, u64: 0, u128: 0, usize: 0, " +
      "i8: -128, i16: -32768, i32: -2147483648, i64: -9223372036854775808, " +
      "i128: -170141183460469231731687303715884105728, isize: -9223372036854775808 }",
  );
});

test("safe integers are accepted as bigints", async (lab) => {
  const tab = await lab.tab();
  const value = await tab.evaluate(async () => {
    const { integers } = (await roam.connect("/rpc")).client(Values);
    const small = { u8: 0, u16: 0, u32: 0, i8: 0, i16: 0, i32: 0 };
    const answer = await integers({
      ...small,
      u64: Number.MAX_SAFE_INTEGER,
      u128: 1,
      usize: 2,
      i64: Number.MIN_SAFE_INTEGER,
      i128: -1,
      isize: -2,
    });
    return answer.value;
  });
  assert.deepEqual(
    [value.u64, value.u128, value.usize, value.i64, value.i128, value.isize],
    [9_007_199_254_740_991n, 1n, 2n, -9_007_199_254_740_991n, -1n, -2n],
  );
});

test("booleans, floats, characters, strings, durations, bytes and units", async (lab) => {
  const tab = await lab.tab();
  const [value, debug] = await tab.evaluate(async () => {
    const { scalars } = (await roam.connect("/rpc")).client(Values);
    const answer = await scalars({
      yes: true,
      single: 0.5,
      double: -0,
      letter: "😀",
      text: 'ü\0"\u{10FFFF}',
      nothing: undefined,
      after: 1500.25,
      bytes: Uint8Array.of(0, 255),
      hash: Uint8Array.of(1, 2, 3, 4),
    });
    return [kit.plain(answer.value), answer.debug] as const;
  });
  assert.deepEqual(value, {
    yes: true,
    single: 0.5,
    double: -0,
    letter: "😀",
    text: 'ü\0"\u{10FFFF}',
    nothing: undefined,
    after: 1500.25,
    bytes: { Uint8Array: [0, 255] },
    hash: { Uint8Array: [1, 2, 3, 4] },
  });
  assert.equal(
    debug,
    'Scalars { yes: true, single: 0.5, double: -0.0, letter: \'😀\', text: "ü\\0\\"\\u{10ffff}", ' +
      "nothing: (), after: 1.50025s, bytes: [0, 255], hash: [1, 2, 3, 4] }",
  );
});

test("NaN, infinity, and strings of many lengths", async (lab) => {
  const tab = await lab.tab();
  const [floats, lengths] = await tab.evaluate(async () => {
    const { scalars } = (await roam.connect("/rpc")).client(Values);
    const rest = {
      yes: false,
      letter: "a",
      nothing: undefined,
      after: 0,
      bytes: new Uint8Array(),
      hash: new Uint8Array(4),
    };
    const special = await scalars({ ...rest, single: NaN, double: -Infinity, text: "" });
    const texts = [15, 16, 17, 127, 128, 300, 100_000].flatMap((length) => ["x".repeat(length), "ß".repeat(length)]);
    const back = await Promise.all(texts.map((text) => scalars({ ...rest, single: 0, double: 0, text })));
    const same = back.map(({ value }, index) => value.text === texts[index]);
    return [[special.value.single, special.value.double], same] as const;
  });
  assert.deepEqual(floats, [NaN, -Infinity]);
  assert.deepEqual(new Set(lengths), new Set([true]));
});

test("lists, sets, arrays, tuples and maps", async (lab) => {
  const tab = await lab.tab();
  const [exact, lenient] = await tab.evaluate(async () => {
    const { collections } = (await roam.connect("/rpc")).client(Values);
    const one = await collections({
      list: [-1, 0, 1],
      queue: ["first", "second"],
      set: new Set([3, 1, 2]),
      corner: [0.5, -0.5],
      pair: [7, "seven"],
      ages: new Map([["Ada", 36]]),
      words: new Map([[2, ["to", "be"]]]),
    });
    const other = await collections({
      list: Int32Array.of(-1, 0, 1),
      queue: [],
      set: [1, 1],
      corner: Float64Array.of(0.5, -0.5),
      pair: [7, "seven"],
      ages: { Ada: 36, Bob: 7 },
      words: new Map(),
    });
    return [kit.plain(one), kit.plain(other)] as { value: unknown; debug: string }[];
  });
  assert.deepEqual(exact, {
    value: {
      list: [-1, 0, 1],
      queue: ["first", "second"],
      set: { Set: [1, 2, 3] },
      corner: [0.5, -0.5],
      pair: [7, "seven"],
      ages: { Map: [["Ada", 36]] },
      words: { Map: [[2, ["to", "be"]]] },
    },
    debug:
      'Collections { list: [-1, 0, 1], queue: ["first", "second"], set: {1, 2, 3}, corner: [0.5, -0.5], ' +
      'pair: (7, "seven"), ages: {"Ada": 36}, words: {2: ["to", "be"]} }',
  });
  assert.equal(
    lenient?.debug,
    "Collections { list: [-1, 0, 1], queue: [], set: {1}, corner: [0.5, -0.5], " +
      'pair: (7, "seven"), ages: {"Ada": 36, "Bob": 7}, words: {} }',
  );
});

test("options, also of options and of units", async (lab) => {
  const tab = await lab.tab();
  const answers = await tab.evaluate(async () => {
    const { options } = (await roam.connect("/rpc")).client(Values);
    return Promise.all([
      options({ there: 1, missing: null, twice: { value: 2 }, unit: { value: undefined } }),
      options({ there: undefined, twice: { value: null } }),
      options({}),
    ]);
  });
  assert.deepEqual(
    answers.map(({ debug }) => debug),
    [
      "Options { there: Some(1), missing: None, twice: Some(Some(2)), unit: Some(()) }",
      "Options { there: None, missing: None, twice: Some(None), unit: None }",
      "Options { there: None, missing: None, twice: None, unit: None }",
    ],
  );
  assert.deepEqual(
    answers.map(({ value }) => value),
    [
      { there: 1, missing: null, twice: { value: 2 }, unit: { value: undefined } },
      { there: null, missing: null, twice: { value: null }, unit: null },
      { there: null, missing: null, twice: null, unit: null },
    ],
  );
});

test("structs of every kind, with their serde names", async (lab) => {
  const tab = await lab.tab();
  const answer = await tab.evaluate(async () => {
    const { structs } = (await roam.connect("/rpc")).client(Values);
    return structs({
      newtypeField: 1.5,
      "two words": [-1, 1],
      marker: undefined,
      boxed: 2.5,
      page: { items: [{ n: 1 }, { n: 2 }], next: 3n },
    });
  });
  assert.deepEqual(answer, {
    value: {
      newtypeField: 1.5,
      "two words": [-1, 1],
      marker: undefined,
      boxed: 2.5,
      page: { items: [{ n: 1 }, { n: 2 }], next: 3n },
    },
    debug:
      "Structs { newtype_field: Meters(1.5), range: Range(-1, 1), marker: Marker, boxed: Meters(2.5), " +
      "page: Page { items: [Job { n: 1 }, Job { n: 2 }], next: Some(3) } }",
  });
});

test("enums with and without data, and results as values", async (lab) => {
  const tab = await lab.tab();
  const [[shapes, color], good, bad] = await tab.evaluate(async () => {
    const values = (await roam.connect("/rpc")).client(Values);
    return Promise.all([
      values.enums(
        [
          { tag: "Dot" },
          { tag: "Circle", radius: 2 },
          { tag: "Text", value: "hi" },
          { tag: "Segment", value: [-1, 1] },
          { tag: "Group", value: [{ tag: "Dot" }, { tag: "Group", value: [] }] },
        ],
        "green",
      ),
      values.outcome({ tag: "Ok", value: 200 }),
      values.outcome({ tag: "Err", value: "no" }),
    ]);
  });
  assert.deepEqual(shapes.value, [
    { tag: "Dot" },
    { tag: "Circle", radius: 2 },
    { tag: "Text", value: "hi" },
    { tag: "Segment", value: [-1, 1] },
    { tag: "Group", value: [{ tag: "Dot" }, { tag: "Group", value: [] }] },
  ]);
  assert.equal(shapes.debug, '[Dot, Circle { radius: 2.0 }, Text("hi"), Segment(-1, 1), Group([Dot, Group([])])]');
  assert.equal(color, "green");
  assert.deepEqual([good.debug, good.value], ["Ok(200)", { tag: "Ok", value: 200 }]);
  assert.deepEqual([bad.debug, bad.value], ['Err("no")', { tag: "Err", value: "no" }]);
});

test("a recursive type is limited in depth", async (lab) => {
  const tab = await lab.tab();
  const report = await tab.evaluate(async () => {
    const { tree } = (await roam.connect("/rpc")).client(Values);
    type Tree = Parameters<typeof tree>[0];
    const nested = (depth: number): Tree =>
      depth === 0 ? { value: 0, kids: [] } : { value: depth, kids: [nested(depth - 1)] };
    const around: { value: number; kids: unknown[] } = { value: 1, kids: [] };
    around.kids.push(around);
    const { value, debug } = await tree({ value: 1, kids: [{ value: 2, kids: [] }, nested(1)] });
    const deep = (await tree(nested(60))).value;
    let depth = 0;
    for (let at = deep; at.kids[0] !== undefined; at = at.kids[0]) depth += 1;
    return {
      value,
      debug,
      depth,
      tooDeep: (await kit.failure(tree(nested(200))))?.code,
      farTooDeep: (await kit.failure(tree(nested(5_000))))?.code,
      inItself: (await kit.failure(tree(around as Tree)))?.code,
    };
  });
  assert.deepEqual(report, {
    value: {
      value: 1,
      kids: [
        { value: 2, kids: [] },
        { value: 1, kids: [{ value: 0, kids: [] }] },
      ],
    },
    debug:
      "Tree { value: 1, kids: [Tree { value: 2, kids: [] }, Tree { value: 1, kids: [Tree { value: 0, kids: [] }] }] }",
    depth: 60,
    tooDeep: "invalid-argument",
    farTooDeep: "invalid-argument",
    inItself: "invalid-argument",
  });
});
