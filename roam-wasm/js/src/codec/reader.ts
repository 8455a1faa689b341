import type { Codec } from "./codec.js";
import { ValueError } from "./error.js";

/** Returns the channel halves that a decoder encounters, in order. */
export interface ChannelDecoder {
  tx(element: Codec): unknown;
  rx(element: Codec): unknown;
}

/** Up to this length, decoding ASCII by hand is faster than `TextDecoder`. */
const SHORT_STRING = 16;
/**
 * The most zero-byte elements in one message. The number of other elements is bounded by the
 * length of the message; with these, a few bytes could ask for any amount of memory.
 */
const MAX_EMPTY_ELEMENTS = 65_536;

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads postcard bytes strictly: rejects everything that the canonical encoder would not write. */
export class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Whether the bytes stay valid, so that parts of them may be returned without a copy. */
  readonly #owned: boolean;
  #view: DataView | undefined;
  #at: number;
  #end: number;
  #emptyElements = 0;
  /** How deep the value being decoded is nested in recursive types. */
  depth = 0;
  /** Supplies the channel halves; without it, decoding one throws. */
  channels: ChannelDecoder | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>, owned: boolean) {
    this.#bytes = bytes;
    this.#owned = owned;
    this.#at = 0;
    this.#end = bytes.length;
  }

  /** The number of bytes left. */
  get rest(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    if (this.#at === this.#end) throw truncated();
    return this.#bytes[this.#at++]!;
  }

  /** Reads an integer from 0 to 2^32 - 1. */
  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return canonical(byte, value);
    }
    byte = this.byte();
    if (byte > 0x0f) throw overlong();
    return canonical(byte, value + byte * 2 ** 28);
  }

  /** Reads an unsigned integer of up to `bits` bits. */
  bigVarint(bits: number): bigint {
    let low = 0;
    let scale = 1;
    // Seven bytes hold 49 bits, which a number represents exactly.
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(i === 0 ? byte : canonical(byte, low));
      scale *= 128;
    }
    let value = BigInt(low);
    for (let shift = 49; shift < bits; shift += 7) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) {
        if (value >> BigInt(bits) !== 0n) throw overlong();
        return canonical(byte, value);
      }
    }
    throw overlong();
  }

  f32(): number {
    const at = this.#skip(4);
    return this.#dataView().getFloat32(at, true);
  }

  f64(): number {
    const at = this.#skip(8);
    return this.#dataView().getFloat64(at, true);
  }

  /** Reads a byte vector with its length. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.raw(this.varint());
  }

  /**
   * Reads `length` bytes. Returns a view if the buffer is ours and they are at least half of it, so
   * that a small part does not keep a large buffer alive; otherwise a copy.
   */
  raw(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#skip(length);
    const shared = this.#owned && 2 * length >= this.#bytes.buffer.byteLength;
    return shared ? this.#bytes.subarray(at, at + length) : this.#bytes.slice(at, at + length);
  }

  string(): string {
    const length = this.varint();
    const at = this.#skip(length);
    return (length <= SHORT_STRING ? ascii(this.#bytes, at, at + length) : undefined) ?? this.#utf8(at, at + length);
  }

  /** Reads the number of elements of a list, map or set; `empty`: whether they take zero bytes. */
  listLength(empty: boolean): number {
    const length = this.varint();
    if (empty) {
      this.#emptyElements += length;
      if (this.#emptyElements > MAX_EMPTY_ELEMENTS)
        throw new ValueError(`more than ${MAX_EMPTY_ELEMENTS} zero-byte elements`);
    } else if (length > this.rest) {
      throw truncated();
    }
    return length;
  }

  /** Throws if bytes are left. */
  finish(): void {
    if (this.rest !== 0) throw new ValueError(`${this.rest} bytes too many`);
  }

  /** Begins the next record (see `Writer.beginRecord`) and returns its length; reads up to `finish` stay within it. */
  record(): number {
    this.#end = this.#bytes.length;
    const at = this.#skip(4);
    const length = this.#dataView().getUint32(at, true);
    this.#end = this.#at + length;
    if (this.#end > this.#bytes.length) throw truncated();
    this.#emptyElements = 0;
    return length;
  }

  /** Whether all records have been read. */
  get exhausted(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Skips `length` bytes and returns their offset. */
  #skip(length: number): number {
    if (length > this.rest) throw truncated();
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #utf8(from: number, to: number): string {
    try {
      return text.decode(this.#bytes.subarray(from, to));
    } catch {
      throw new ValueError("invalid UTF-8");
    }
  }

  #dataView(): DataView {
    return (this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength));
  }
}

/** Returns the string, or `undefined` if it is not all ASCII. */
function ascii(bytes: Uint8Array, from: number, to: number): string | undefined {
  let string = "";
  let i = from;
  for (; i + 4 <= to; i += 4) {
    const a = bytes[i]!;
    const b = bytes[i + 1]!;
    const c = bytes[i + 2]!;
    const d = bytes[i + 3]!;
    if ((a | b | c | d) > 0x7f) return undefined;
    string += String.fromCharCode(a, b, c, d);
  }
  for (; i < to; i++) {
    const byte = bytes[i]!;
    if (byte > 0x7f) return undefined;
    string += String.fromCharCode(byte);
  }
  return string;
}

/** Rejects a varint whose last byte is 0, as it has a shorter encoding. */
function canonical<T>(last: number, value: T): T {
  if (last === 0) throw overlong();
  return value;
}

function truncated(): ValueError {
  return new ValueError("unexpected end of bytes");
}

function overlong(): ValueError {
  return new ValueError("overlong or out-of-range varint");
}
