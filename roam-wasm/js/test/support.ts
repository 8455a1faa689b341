import type { Codec } from "../src/codec/codec.js";
import { Compiler } from "../src/codec/compile.js";
import { Reader } from "../src/codec/reader.js";
import { withWriter } from "../src/codec/writer.js";
import type { NamedType, Shape } from "../src/description.js";

export function codecOf(shape: Shape, types: readonly NamedType[] = []): Codec {
  return new Compiler(types).codec(shape);
}

export function encode(codec: Codec, value: unknown): Uint8Array<ArrayBuffer> {
  return withWriter((writer) => {
    codec.encode(writer, value);
    return writer.written().slice();
  });
}

export function decode(codec: Codec, bytes: Uint8Array<ArrayBuffer>): unknown {
  const reader = new Reader(bytes, true);
  const value = codec.decode(reader);
  reader.finish();
  return value;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
