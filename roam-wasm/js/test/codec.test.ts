// What the codec rejects, and its error messages.
import assert from "node:assert/strict";
import test from "node:test";

import { ValueError } from "../src/codec/error.js";
import type { NamedType, Shape } from "../src/description.js";
import { codecOf, decode, encode, fromHex, toHex } from "./support.js";

const NODE: readonly NamedType[] = [
  {
    name: "Node",
    shape: {
      fields: [
        ["n", "u32"],
        ["kids", ["list", 0]],
      ],
    },
  },
];

function rejects(shape: Shape, value: unknown, message: string, types?: readonly NamedType[]): void {
  assert.throws(
    () => encode(codecOf(shape, types), value),
    (error) => {
      assert(error instanceof ValueError);
      assert.equal(error.message, message);
      return true;
    },
  );
}

function rejectsBytes(shape: Shape, hex: string, message: RegExp, types?: readonly NamedType[]): void {
  assert.throws(
    () => decode(codecOf(shape, types), fromHex(hex)),
    (error) => {
      assert(error instanceof ValueError, String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

test("rejects fractions and out-of-range integers", () => {
  rejects("u8", 256, "expected an integer from 0 to 255, got 256");
  rejects("u8", -1, "expected an integer from 0 to 255, got -1");
  rejects("i8", 128, "expected an integer from -128 to 127, got 128");
  rejects("u16", 65536, "expected an integer from 0 to 65535, got 65536");
  rejects("u32", 2 ** 32, "expected an integer from 0 to 4294967295, got 4294967296");
  rejects("i32", -(2 ** 31) - 1, "expected an integer from -2147483648 to 2147483647, got -2147483649");
  rejects("u32", 1.5, "expected an integer from 0 to 4294967295, got 1.5");
  rejects("u32", NaN, "expected an integer from 0 to 4294967295, got NaN");
  rejects("u32", 1n, "expected an integer from 0 to 4294967295, got 1n");
  rejects("u32", "1", 'expected an integer from 0 to 4294967295, got "1"');
});

test("wide integers are bigints or safe integers", () => {
  assert.equal(toHex(encode(codecOf("u64"), 300)), "ac02");
  assert.equal(toHex(encode(codecOf("i64"), -1)), "01");
  assert.equal(toHex(encode(codecOf("u64"), Number.MAX_SAFE_INTEGER)), "ffffffffffffff0f");
  const expected = "expected a bigint or safe integer from 0 to 18446744073709551615";
  rejects("u64", 2 ** 53, `${expected}, got 9007199254740992`);
  rejects("u64", -1, `${expected}, got -1n`);
  rejects("u64", 2n ** 64n, `${expected}, got 18446744073709551616n`);
  rejects("u64", 0.5, `${expected}, got 0.5`);
  rejects(
    "i64",
    2n ** 63n,
    "expected a bigint or safe integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808n",
  );
});

test("rejects scalars of the wrong type", () => {
  rejects("bool", 1, "expected a boolean, got 1");
  rejects("f64", "1", 'expected a number, got "1"');
  rejects("f32", 1e39, "expected a number that an f32 can hold, got 1e+39");
  rejects("string", undefined, "expected a string, got undefined");
  rejects("string", ["a"], "expected a string, got a value of class Array");
  rejects("char", "ab", 'expected a string of one character, got "ab"');
  rejects("char", "", 'expected a string of one character, got ""');
  rejects("char", "\ud83d", 'expected a string of one character, got "\\ud83d"');
  rejects("unit", null, "expected undefined, got null");
  rejects("bytes", [1], "expected a Uint8Array, got a value of class Array");
  rejects(["bytes", 2], new Uint8Array(3), "expected a Uint8Array of 2 bytes, got a value of class Uint8Array");
  rejects("duration", -1, "expected a duration in milliseconds, 0 or more, got -1");
  rejects("duration", Infinity, "expected a duration in milliseconds, 0 or more, got Infinity");
});

test("errors name the path", () => {
  const job: Shape = { fields: [["n", "u8"]] };
  rejects(
    { fields: [["jobs", ["list", job]]] },
    { jobs: [{ n: 1 }, { n: 2 }, { n: 300 }] },
    "jobs[2].n: expected an integer from 0 to 255, got 300",
  );
  rejects(["list", ["list", "u8"]], [[1], [2, "x"]], '[1][1]: expected an integer from 0 to 255, got "x"');
  rejects(["map", "string", job], { a: { n: 1 }, b: {} }, '["b"].n: expected an integer from 0 to 255, got undefined');
  rejects(["tuple", "u8", job], [1, null], "[1]: expected an object, got null");
  rejects(
    { fields: [["shape", { variants: [{ tag: "A", value: "u8" }] }]] },
    { shape: { tag: "A", value: -1 } },
    "shape.value: expected an integer from 0 to 255, got -1",
  );
  rejects(
    { fields: [["shape", { variants: [{ tag: "A" }] }]] },
    { shape: { tag: "B" } },
    'shape.tag: expected one of "A", got "B"',
  );
  rejects(
    { fields: [["maybe", ["some", ["option", "u8"]]]] },
    { maybe: { value: "x" } },
    'maybe.value: expected an integer from 0 to 255, got "x"',
  );
  rejectsBytes(
    { fields: [["jobs", ["list", { fields: [["on", "bool"]] }]]] },
    "020102",
    /^jobs\[1\]\.on: expected a boolean, got byte 2$/,
  );
});

test("reads only own properties", () => {
  const inherited = Object.create({ n: 1 }) as object;
  rejects({ fields: [["n", "u8"]] }, inherited, "n: expected an integer from 0 to 255, got undefined");
  rejects({ fields: [["toString", "string"]] }, {}, "toString: expected a string, got undefined");
  rejects({ variants: [{ tag: "A" }] }, Object.create({ tag: "A" }), 'tag: expected one of "A", got undefined');
});

test("rejects a field named __proto__", () => {
  assert.throws(() => codecOf({ fields: [["__proto__", "u8"]] }), /__proto__/);
});

test("lists are arrays or typed arrays", () => {
  assert.equal(toHex(encode(codecOf(["list", "i32"]), Int32Array.of(1, -1))), "020201");
  assert.equal(toHex(encode(codecOf(["list", "u64"]), BigUint64Array.of(1n))), "0101");
  rejects(["list", "u8"], new Set([1]), "expected an array, got a value of class Set");
  rejects(["list", "u8"], "ab", 'expected an array, got "ab"');
  rejects(["list", "u8"], { length: 1, 0: 1 }, "expected an array, got an object");
  rejects(["array", "u8", 2], [1], "expected an array of 2 elements, got a value of class Array");
});

test("sets accept arrays and maps accept objects", () => {
  assert.equal(toHex(encode(codecOf(["set", "u8"]), [3, 4])), "020304");
  assert.equal(toHex(encode(codecOf(["map", "string", "u8"]), { a: 1 })), "01016101");
  rejects(["map", "u8", "u8"], { 1: 1 }, "expected a Map, got an object");
  rejects(["set", "u8"], { 1: 1 }, "expected a Set, got an object");
});

test("undefined is accepted for null", () => {
  assert.equal(toHex(encode(codecOf(["option", "u8"]), undefined)), "00");
  assert.equal(toHex(encode(codecOf({ fields: [["a", ["option", "u8"]]] }), {})), "00");
});

test("a lone surrogate becomes a replacement character", () => {
  assert.equal(toHex(encode(codecOf("string"), "a\ud83d")), "0461efbfbd");
});

test("copies bytes unless they make up the buffer", () => {
  const codec = codecOf("bytes");
  const large = encode(codec, new Uint8Array(1000));
  assert.equal((decode(codec, large) as Uint8Array).buffer, large.buffer);
  const pair = codecOf(["tuple", "bytes", "bytes"]);
  const mixed = encode(pair, [new Uint8Array(10), new Uint8Array(1000)]);
  const [small] = decode(pair, mixed) as [Uint8Array];
  assert.equal(small.buffer.byteLength, 10);
});

test("rejects bytes that no encoder writes", () => {
  rejectsBytes("bool", "02", /expected a boolean, got byte 2/);
  rejectsBytes(["option", "u8"], "02", /expected an option, got byte 2/);
  rejectsBytes("u16", "ffff07", /expected an integer from 0 to 65535/);
  rejectsBytes("u32", "8000", /overlong or out-of-range varint/);
  rejectsBytes("u32", "ffffffff1f", /overlong or out-of-range varint/);
  rejectsBytes("u32", "ffffffffff01", /overlong or out-of-range varint/);
  rejectsBytes("u64", "ffffffffffffffffff02", /overlong or out-of-range varint/);
  rejectsBytes("u64", "80808080808080808000", /overlong or out-of-range varint/);
  rejectsBytes("u64", "8000", /overlong or out-of-range varint/);
  rejectsBytes("u64", "ffffffffffffffffffff01", /overlong or out-of-range varint/);
  rejectsBytes("u128", "ffffffffffffffffffffffffffffffffffff04", /overlong or out-of-range varint/);
  rejectsBytes("string", "02ff41", /invalid UTF-8/);
  rejectsBytes("string", "14" + "ff".repeat(20), /invalid UTF-8/);
  rejectsBytes("string", "03eda080", /invalid UTF-8/);
  rejectsBytes("char", "026162", /one character/);
  rejectsBytes("char", "00", /one character/);
  rejectsBytes({ names: ["A", "B"] }, "02", /variant 2/);
  rejectsBytes({ variants: [{ tag: "A" }, { tag: "B", value: "u8" }] }, "05", /variant 5/);
  rejectsBytes("duration", "008094ebdc03", /nanoseconds/);
  rejectsBytes(["rx", "u8"], "00", /cannot carry channels/);
});

test("a claimed length allocates nothing", () => {
  const huge = "808080808020"; // 2^40
  rejectsBytes("bytes", "ffffffff0f", /unexpected end of bytes/);
  rejectsBytes("string", "ffffffff0f", /unexpected end of bytes/);
  rejectsBytes(["list", "u8"], "ffffffff0f01", /unexpected end of bytes/);
  rejectsBytes(["map", "u8", "u8"], "ffffffff0f01", /unexpected end of bytes/);
  rejectsBytes("bytes", huge, /overlong or out-of-range varint/);
  rejectsBytes(["list", "unit"], huge, /overlong or out-of-range varint/);
});

test("bounds the number of zero-byte elements", () => {
  const list = codecOf(["list", "unit"]);
  assert.equal((decode(list, fromHex("808004")) as unknown[]).length, 65536);
  rejectsBytes(["list", "unit"], "818004", /more than 65536 zero-byte elements/);
  rejectsBytes(["list", ["list", "unit"]], "02818002818002", /more than 65536/);
  rejectsBytes(["set", ["tuple"]], "818004", /more than 65536/);
  rejectsBytes(["map", "unit", { fields: [["nothing", ["array", "unit", 3]]] }], "818004", /more than 65536/);
});

test("recursive values nest up to 128 levels, both ways", () => {
  const codec = codecOf(0, NODE);
  const nested = (depth: number): unknown => (depth === 0 ? { n: 0, kids: [] } : { n: 0, kids: [nested(depth - 1)] });
  const deep = nested(128);
  assert.deepEqual(decode(codec, encode(codec, deep)), deep);
  rejects(0, nested(129), `${"kids[0].".repeat(129).slice(0, -1)}: nested deeper than 128`, NODE);
  rejectsBytes(0, "0001".repeat(100_000), /nested deeper than 128$/, NODE);
  const loop = { n: 0, kids: [] as unknown[] };
  loop.kids.push(loop);
  assert.throws(() => encode(codec, loop), /nested deeper than 128/);
  // Siblings do not count.
  const wide = { n: 0, kids: Array.from({ length: 500 }, () => nested(2)) };
  assert.deepEqual(decode(codec, encode(codec, wide)), wide);
});

test("a getter that encodes gets its own writer", () => {
  const codec = codecOf({
    fields: [
      ["a", "u8"],
      ["b", "u8"],
    ],
  });
  const value = {
    a: 1,
    get b(): number {
      return encode(codec, { a: 3, b: 4 }).length;
    },
  };
  assert.equal(toHex(encode(codec, value)), "0102");
});

test("rejects an invalid description", () => {
  assert.throws(() => codecOf("u7" as Shape), /unknown type u7/);
  assert.throws(() => codecOf("toString" as Shape), /unknown type toString/);
  assert.throws(() => codecOf(3), /no type 3/);
});

test("random bytes decode or fail cleanly", () => {
  const shape: Shape = {
    variants: [
      {
        tag: "A",
        fields: [
          ["list", ["list", 0]],
          ["map", ["map", "string", "i64"]],
        ],
      },
      { tag: "B", value: ["option", "f32"] },
      { tag: "C", value: ["set", "char"] },
    ],
  };
  const codec = codecOf(0, [...NODE.slice(1), { name: "Any", shape }]);
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: random() % 40 }, () => (random() % 4 === 0 ? random() : random() % 4));
    try {
      const value = decode(codec, bytes);
      assert.equal(toHex(encode(codec, value)).length > 0, true);
    } catch (error) {
      assert(error instanceof ValueError, String(error));
    }
  }
});
