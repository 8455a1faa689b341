import type { Codec } from "./codec.js";
import { ValueError } from "./error.js";

/** Collects the channel halves that an encoder encounters, in order. `place` is where the bytes hold the half. */
export interface ChannelEncoder {
  tx(value: unknown, element: Codec, place: number): void;
  rx(value: unknown, element: Codec, place: number): void;
}

/** Up to this length, encoding ASCII by hand is faster than `TextEncoder`. */
const SHORT_STRING = 16;
const INITIAL_CAPACITY = 1024;
/** A writer that has grown beyond this is not reused. */
const MAX_SPARE_CAPACITY = 64 * 1024;
/** The most bytes that a length prefix takes. */
const MAX_LENGTH = 5;
/** `>>>` truncates numbers from here on. */
const BIT_32 = 2 ** 32;

const text = new TextEncoder();

/** A growing buffer of postcard bytes. */
export class Writer {
  #bytes = new Uint8Array(INITIAL_CAPACITY);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  /** How deep the value being encoded is nested in recursive types. */
  depth = 0;
  /** Makes the collector of channel halves; without it, encoding a half throws. */
  collector: (new () => ChannelEncoder) | undefined;
  /** The channel halves so far; `undefined` until the first. */
  channels: ChannelEncoder | undefined;

  /** The number of bytes written. */
  get length(): number {
    return this.#at;
  }

  /** The number of bytes that fit before the buffer grows. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Returns the collector of channel halves, and makes it for the first. */
  collect(): ChannelEncoder {
    if (this.collector === undefined) throw new ValueError("a channel cannot carry channels");
    return (this.channels ??= new this.collector());
  }

  /** Returns a view of the written bytes, valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Drops the bytes after `length`, even in the middle of a value. */
  truncate(length: number): void {
    this.#at = length;
    this.depth = 0;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** Writes an integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
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

  /** Writes an integer from 0 to 2^128 - 1. */
  bigVarint(value: bigint): void {
    this.#reserve(19);
    while (value > Number.MAX_SAFE_INTEGER) {
      this.#bytes[this.#at++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.varint(Number(value));
  }

  f32(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** Writes a byte vector with its length. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** Writes bytes without a length. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Writes a string as UTF-8 with its length; a lone surrogate becomes U+FFFD, as in other web APIs. */
  string(value: string): void {
    if (value.length <= SHORT_STRING && this.#ascii(value)) return;
    // Usually there are as many bytes as characters. Assume so for the length prefix, and move the bytes if not.
    this.#reserve(3 * value.length + 2 * MAX_LENGTH);
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

  /** Begins a record: four bytes of length, then its bytes. Returns the argument for `endRecord`. */
  beginRecord(): number {
    this.#reserve(4);
    this.#at += 4;
    return this.#at;
  }

  /** Ends a record and returns the length of its bytes. */
  endRecord(start: number): number {
    const length = this.#at - start;
    this.#view.setUint32(start - 4, length, true);
    return length;
  }

  #ascii(value: string): boolean {
    const length = value.length;
    this.#reserve(length + 1);
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

  #reserve(length: number): void {
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

/** Returns how many bytes a length takes. */
function varintLength(value: number): number {
  let length = 1;
  for (; value > 0x7f; value >>>= 7) length++;
  return length;
}

let spare: Writer | undefined = new Writer();

/**
 * Calls `use` with a writer whose bytes are valid until `use` returns. The same writer is reused,
 * except for nested calls: a getter of the object being encoded may itself make a call.
 */
export function withWriter<T>(use: (writer: Writer) => T): T {
  const writer = spare ?? new Writer();
  spare = undefined;
  try {
    return use(writer);
  } finally {
    writer.truncate(0);
    writer.collector = undefined;
    writer.channels = undefined;
    if (writer.capacity <= MAX_SPARE_CAPACITY) spare = writer;
  }
}
