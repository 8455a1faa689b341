import type { Primitive } from "../description.js";
import type { Codec } from "./codec.js";
import { unexpected, ValueError } from "./error.js";
import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

const NANOS_PER_SECOND = 1_000_000_000;
const NANOS_PER_MS = 1_000_000;

/** The codecs of the built-in types. */
export const primitives: Record<Primitive, Codec> = {
  bool: codec(
    (writer, value) => {
      if (typeof value !== "boolean") throw unexpected("a boolean", value);
      writer.byte(value ? 1 : 0);
    },
    (reader) => bit(reader, "a boolean"),
  ),
  u8: integer(8, false),
  u16: integer(16, false),
  u32: integer(32, false),
  u64: bigInteger(64, false),
  u128: bigInteger(128, false),
  i8: integer(8, true),
  i16: integer(16, true),
  i32: integer(32, true),
  i64: bigInteger(64, true),
  i128: bigInteger(128, true),
  f32: codec(
    (writer, value) => {
      if (typeof value !== "number") throw unexpected("a number", value);
      if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
        throw unexpected("a number that an f32 can hold", value);
      writer.f32(value);
    },
    (reader) => reader.f32(),
  ),
  f64: codec(
    (writer, value) => {
      if (typeof value !== "number") throw unexpected("a number", value);
      writer.f64(value);
    },
    (reader) => reader.f64(),
  ),
  char: codec(
    (writer, value) => {
      if (typeof value !== "string" || !isOneCharacter(value)) throw unexpected("a string of one character", value);
      writer.string(value);
    },
    (reader) => {
      const value = reader.string();
      if (!isOneCharacter(value)) throw unexpected("a string of one character", value);
      return value;
    },
  ),
  string: codec(
    (writer, value) => {
      if (typeof value !== "string") throw unexpected("a string", value);
      writer.string(value);
    },
    (reader) => reader.string(),
  ),
  bytes: codec(
    (writer, value) => {
      if (!(value instanceof Uint8Array)) throw unexpected("a Uint8Array", value);
      writer.bytes(value);
    },
    (reader) => reader.bytes(),
  ),
  unit: {
    encode: (_, value) => {
      if (value !== undefined) throw unexpected("undefined", value);
    },
    decode: () => undefined,
    empty: true,
  },
  duration: codec(encodeDuration, decodeDuration),
};

/** Reads a byte that must be 0 or 1. */
export function bit(reader: Reader, what: string): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new ValueError(`expected ${what}, got byte ${byte}`);
  return byte === 1;
}

function codec(encode: Codec["encode"], decode: Codec["decode"]): Codec {
  return { encode, decode, empty: false };
}

/** An integer that fits a `number`: 8 bits as one byte, wider ones as varints, signed varints as zig-zag. */
function integer(bits: 8 | 16 | 32, signed: boolean): Codec {
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = min + 2 ** bits - 1;
  const expected = `an integer from ${min} to ${max}`;
  const write = bits === 8 ? writeByte : signed ? writeZigZag : writeVarint;
  const read = bits === 8 ? (signed ? readSignedByte : readByte) : signed ? readZigZag : readVarint;
  return codec(
    (writer, value) => {
      if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
        throw unexpected(expected, value);
      }
      write(writer, value);
    },
    (reader) => {
      const value = read(reader);
      if (value < min || value > max) throw unexpected(expected, value);
      return value;
    },
  );
}

function writeByte(writer: Writer, value: number): void {
  writer.byte(value);
}

function writeVarint(writer: Writer, value: number): void {
  writer.varint(value);
}

function writeZigZag(writer: Writer, value: number): void {
  writer.varint(((value << 1) ^ (value >> 31)) >>> 0);
}

function readByte(reader: Reader): number {
  return reader.byte();
}

function readSignedByte(reader: Reader): number {
  return (reader.byte() << 24) >> 24;
}

function readVarint(reader: Reader): number {
  return reader.varint();
}

function readZigZag(reader: Reader): number {
  const value = reader.varint();
  return (value >>> 1) ^ -(value & 1);
}

/** An integer that needs a `bigint`; a safe integer `number` is accepted too. */
function bigInteger(bits: 64 | 128, signed: boolean): Codec {
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const max = min + (1n << BigInt(bits)) - 1n;
  const expected = `a bigint or safe integer from ${min} to ${max}`;
  return codec(
    (writer, value) => {
      if (typeof value === "number" && Number.isSafeInteger(value)) {
        if (value >= 0 && !signed) return writer.varint(value);
        value = BigInt(value);
      }
      if (typeof value !== "bigint" || value < min || value > max) throw unexpected(expected, value);
      writer.bigVarint(!signed ? value : value < 0n ? -2n * value - 1n : 2n * value);
    },
    (reader) => {
      const value = reader.bigVarint(bits);
      if (!signed) return value;
      return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
    },
  );
}

/** Returns whether `value` is one code point and not a lone surrogate. */
function isOneCharacter(value: string): boolean {
  const point = value.codePointAt(0);
  if (point === undefined || (point >= 0xd800 && point < 0xe000)) return false;
  return value.length === (point > 0xffff ? 2 : 1);
}

/** Encodes milliseconds as seconds and nanoseconds, rounded to nanoseconds. */
function encodeDuration(writer: Writer, value: unknown): void {
  if (typeof value !== "number" || !(value >= 0 && value < 2 ** 64 * 1000)) {
    throw unexpected("a duration in milliseconds, 0 or more", value);
  }
  let seconds = Math.floor(value / 1000);
  let nanos = Math.round((value - seconds * 1000) * NANOS_PER_MS);
  if (nanos === NANOS_PER_SECOND) {
    seconds += 1;
    nanos = 0;
  }
  writer.bigVarint(BigInt(seconds));
  writer.varint(nanos);
}

function decodeDuration(reader: Reader): number {
  const seconds = reader.bigVarint(64);
  const nanos = reader.varint();
  if (nanos >= NANOS_PER_SECOND)
    throw new ValueError(`expected less than ${NANOS_PER_SECOND} nanoseconds, got ${nanos}`);
  // Adding the whole milliseconds first rounds the sum only once.
  return Number(seconds) * 1000 + Math.floor(nanos / NANOS_PER_MS) + (nanos % NANOS_PER_MS) / NANOS_PER_MS;
}
