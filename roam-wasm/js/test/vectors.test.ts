// The arguments of roam-codegen/tests/vectors.rs, in the same order: Rust and TypeScript must encode
// them to the same bytes, and TypeScript must decode those bytes to the same values.
import assert from "node:assert/strict";
import test from "node:test";

import { Everything } from "../../../roam-codegen/tests/golden/everything.js";
import vectors from "../../../roam-codegen/tests/golden/vectors.json" with { type: "json" };
import { Reader } from "../src/codec/reader.js";
import { withWriter } from "../src/codec/writer.js";
import { decodeArgs, encodeArgs, type Method, methodsOf } from "../src/link/method.js";
import { fromHex, toHex } from "./support.js";

const u8 = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const MAX = 2n ** 64n - 1n;
const V4 = u8(192, 0, 2, 1);
const V6 = fromHex("20010db8000000000000000000000001");
const tree = (value: number, ...kids: unknown[]): unknown => ({ value, kids });
const said = (what: unknown): unknown => ({ tag: "Said", who: 1n, what });

const ARGUMENTS: readonly (readonly [method: string, ...args: unknown[]])[] = [
  ["unsigned", 0, 0, 0, 0n, 0n, 0n],
  ["unsigned", 127, 127, 127, 127n, 127n, 127n],
  ["unsigned", 128, 128, 128, 128n, 128n, 128n],
  ["unsigned", 255, 65535, 4294967295, 2n ** 53n - 1n, 2n ** 53n, 2n ** 49n],
  ["unsigned", 1, 300, 2 ** 28, MAX, 2n ** 128n - 1n, MAX],
  ["signed", 0, 0, 0, 0n, 0n, 0n],
  ["signed", -1, -1, -1, -1n, -1n, -1n],
  ["signed", -128, -32768, -2147483648, -(2n ** 63n), -(2n ** 127n), -(2n ** 63n)],
  ["signed", 127, 32767, 2147483647, 2n ** 63n - 1n, 2n ** 127n - 1n, 2n ** 63n - 1n],
  ["signed", 64, -65, 2 ** 30, -(2n ** 53n), 2n ** 100n, 63n],
  ["scalars", true, 1.5, -0.1, "a", ""],
  ["scalars", false, Infinity, Number.MAX_VALUE, "ß", "sixteen letters."],
  ["scalars", false, -0, 2.2250738585072014e-308, "€", "seventeen letters"],
  ["scalars", true, -3.4028234663852886e38, -Infinity, "😀", "grüße 😀\ufeff\0"],
  ["scalars", true, 0, 0, "\ufeff", "ä".repeat(100)],
  ["scalars", true, 0, 0, "x", "x".repeat(128)],
  ["bytes", u8(), u8(1, 2, 3, 4), u8(5)],
  ["bytes", new Uint8Array(200).fill(255), new Uint8Array(4), u8()],
  ["timeout", 0, { width: 7 }],
  ["timeout", 1500.000001, { width: 0 }],
  ["timeout", 2 ** 40 * 1000 + 250, { width: 0 }],
  ["lists", [1, -2, 300], ["a", null], new Set([1, 500]), [0.5, -1], [9, "nine"]],
  ["lists", [], [], new Set(), [0, 0], [0, ""]],
  ["lists", new Array(300).fill(7), [null, null], new Set(), [0, 0], [0, ""]],
  [
    "maps",
    new Map([
      ["ann", 40],
      ["bob", 7],
    ]),
    new Map([
      [1, ["one", "eins"]],
      [2, []],
    ]),
  ],
  ["options", 5, { value: 6 }, { value: undefined }],
  ["options", null, { value: null }, null],
  ["options", null, null, null],
  ["outcome", { tag: "Ok", value: 3 }],
  ["outcome", { tag: "Err", value: "no" }],
  [
    "structs",
    { x: 0.5, y: -0.5 },
    { accountId: MAX, fullName: "Ann Other", eMail: "ann@example.org", "last-seen": 1500, avatar: u8(1, 2, 3) },
    undefined,
    [-3, 3],
  ],
  [
    "generics",
    {
      items: [
        { x: 1, y: 2 },
        { x: -1, y: 0.25 },
      ],
      next: 2n,
    },
    { items: [1n, 2n ** 60n], next: null },
  ],
  ["tree", tree(1, tree(2), tree(3, tree(-4)))],
  ["enums", "red", "Right", { tag: "Circle", radius: 2.5 }],
  ["enums", "green", "Left", { tag: "Rectangle", width: 1, height: 2 }],
  ["enums", "blue", "Left", { tag: "Dot" }],
  ["message", { tag: "Silence" }],
  ["message", { tag: "Text", value: "hi" }],
  ["message", { tag: "Pair", value: [1, "one"] }],
  ["message", { tag: "Html", value: { tag: "p", children: [{ tag: "Silence" }] } }],
  ["message", said(said({ tag: "Text", value: "deep" }))],
  ["wrapped", 255, -(2n ** 63n), 300, -2, "/tmp/grüße", u8(99)],
  [
    "addresses",
    { tag: "V4", value: V4 },
    { tag: "V4", value: [V4, 80] },
    { secs_since_epoch: 1_700_000_000n, nanos_since_epoch: 5 },
  ],
  [
    "addresses",
    { tag: "V6", value: V6 },
    { tag: "V6", value: [V6, 443] },
    { secs_since_epoch: 0n, nanos_since_epoch: 0 },
  ],
  [
    "ranges",
    { start: 1, end: 2 },
    { start: -1, end: 300 },
    { start: "m" },
    { end: 9 },
    [{ tag: "Included", value: 1 }, { tag: "Unbounded" }],
  ],
  [
    "ranges",
    { start: 0, end: 0 },
    { start: 0, end: 0 },
    { start: "" },
    { end: 0 },
    [
      { tag: "Excluded", value: 7 },
      { tag: "Excluded", value: 8 },
    ],
  ],
  [
    "ids",
    fromHex("00112233445566778899aabbccddeeff"),
    fromHex("00112233445566778899aabbccddeeff"),
    "00112233-4455-6677-8899-aabbccddeeff",
    "00112233445566778899aabbccddeeff",
    "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
    "{00112233-4455-6677-8899-aabbccddeeff}",
    "https://example.org/a?b=c",
  ],
  [
    "ordered",
    new Map([
      ["z", 1],
      ["a", 2],
    ]),
    new Set([500, 1]),
    [1, 2, 300],
    u8(1, 2, 3, 4, 255),
    "-12.50",
  ],
  [
    "chrono",
    { millis: 1709251198250n, text: "2024-02-29T23:59:58.250Z" },
    "1999-12-31T23:00:00+02:30",
    "2024-02-29T23:59:58.250",
    "2024-02-29",
    "23:59:58.250",
    "Sun",
    "February",
    [-2n, 500_000_000],
  ],
  [
    "time",
    { at: [2024, 60, 23, 59, 58, 250_000_000, -2, -30, 0] },
    [2024, 60, 23, 59, 58, 250_000_000],
    [2024, 60, 23, 59, 58, 250_000_000],
    [2024, 60],
    [23, 59, 58, 250_000_000],
    [-2, -30, 0],
    [-1n, -500_000_000],
    12,
    7,
  ],
  [
    "jiff",
    "2024-02-29T23:59:58.25Z",
    "2024-02-29T18:59:58.25-05:00[-05:00]",
    "2024-02-29T18:59:58.25",
    "2024-02-29",
    "18:59:58.25",
    "2024-W09-4",
    "PT1H30M",
    "-PT1M30.5S",
  ],
];

const methods = new Map(methodsOf(Everything).map((method) => [method.name, method]));

test("every argument list has a vector", () => {
  assert.deepEqual(
    vectors.map(([method]) => method),
    ARGUMENTS.map(([method]) => method),
  );
});

ARGUMENTS.forEach(([name, ...args], index) => {
  const expected = vectors[index]![1]!;
  const method: Method = methods.get(name)!;

  test(`vector ${index}, ${name}: encodes like Rust`, () => {
    const bytes = withWriter((writer) => {
      encodeArgs(writer, method, args);
      return writer.written().slice();
    });
    assert.equal(toHex(bytes), expected);
  });

  test(`vector ${index}, ${name}: decodes Rust's bytes`, () => {
    for (const owned of [true, false]) {
      assert.deepEqual(decodeArgs(new Reader(fromHex(expected), owned), method), args);
    }
  });

  test(`vector ${index}, ${name}: rejects truncated and extended bytes`, () => {
    const bytes = fromHex(expected);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeArgs(new Reader(bytes.slice(0, length), false), method), /unexpected end of bytes/);
    }
    assert.throws(() => decodeArgs(new Reader(fromHex(`${expected}00`), false), method), /too many/);
  });
});
