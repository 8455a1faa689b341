import type { Codec } from "./codec.js";
import { ValueError } from "./error.js";

/** Takes the channel ends that an encoder meets, in order. */
export interface EndTaker {
  tx(value: unknown, element: Codec): void;
  rx(value: unknown, element: Codec): void;
}

/** Strings up to this length are tried as ASCII by hand, which beats `TextEncoder` there. */
const SHORT_STRING = 16;
const FIRST_SIZE = 1024;
/** A buffer that has grown beyond this is not kept for the next call. */
const KEPT_CAPACITY = 64 * 1024;
/** The most bytes that a length takes. */
const MAX_LENGTH = 5;
/** Numbers from here on do not survive `>>>`. */
const BIT_32 = 2 ** 32;

const text = new TextEncoder();

/** A growing buffer of postcard bytes. */
export class Writer {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  /** How deep the value being encoded is nested in recursive types. */
  depth = 0;
  /** Where channel ends go; without it they are refused. */
  ends: EndTaker | undefined;

  /** Number of bytes written. */
  get length(): number {
    return this.#at;
  }

  /** Bytes it can hold before it grows. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What was written: a view, valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Forgets what was written from `length` on, also halfway through a value. */
  truncate(length: number): void {
    this.#at = length;
    this.depth = 0;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#room(8);
    while (value >= BIT_32) {
      this.#bytes[this.#at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value > 0x7f) {
      this.#bytes[this.#at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#bytes[this.#at++] = value;
  }

  /** A whole number from 0 to 2^128 - 1. */
  bigVarint(value: bigint): void {
    this.#room(19);
    while (value > Number.MAX_SAFE_INTEGER) {
      this.#bytes[this.#at++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.varint(Number(value));
  }

  f32(value: number): void {
    this.#room(4);
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** A byte vector with its length. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** A string with its length in UTF-8; as everywhere on the web, a lone surrogate becomes U+FFFD. */
  string(value: string): void {
    if (value.length <= SHORT_STRING && this.#ascii(value)) return;
    // Most likely as many bytes as characters: leave room for that length, and move if it was more.
    this.#room(3 * value.length + 2 * MAX_LENGTH);
    const start = this.#at;
    this.varint(value.length);
    const body = this.#at;
    const { written } = text.encodeInto(value, this.#bytes.subarray(body));
    if (written !== value.length) {
      const moved = start + varintLength(written);
      if (moved !== body) this.#bytes.copyWithin(moved, body, body + written);
      this.#at = start;
      this.varint(written);
    }
    this.#at += written;
  }

  /** Begins a record: its length stands in front, as four bytes. Returns what `endRecord` needs. */
  beginRecord(): number {
    this.#room(4);
    this.#at += 4;
    return this.#at;
  }

  /** Ends a record and returns its length. */
  endRecord(start: number): number {
    const length = this.#at - start;
    this.#view.setUint32(start - 4, length, true);
    return length;
  }

  #ascii(value: string): boolean {
    const length = value.length;
    this.#room(length + 1);
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[this.#at] = length;
    this.#at = start + length;
    return true;
  }

  #room(length: number): void {
    if (this.#at + length > this.#bytes.length) this.#grow(length);
  }

  #grow(length: number): void {
    const size = Math.max(2 * this.#bytes.length, this.#at + length);
    if (size > BIT_32) throw new ValueError("larger than 4 GiB");
    const grown = new Uint8Array(size);
    grown.set(this.written());
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** How many bytes a length takes. */
function varintLength(value: number): number {
  let length = 1;
  for (; value > 0x7f; value >>>= 7) length++;
  return length;
}

let spare: Writer | undefined = new Writer();

/**
 * Lends a writer; what was written is valid until `use` returns. Nearly always it is the same
 * one; when a getter of an encoded object makes a call of its own, that gets another one.
 */
export function withWriter<T>(use: (writer: Writer) => T): T {
  const writer = spare ?? new Writer();
  spare = undefined;
  try {
    return use(writer);
  } finally {
    writer.truncate(0);
    writer.ends = undefined;
    if (writer.capacity <= KEPT_CAPACITY) spare = writer;
  }
}
