import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

/** Encodes and decodes the values of one type as postcard bytes. */
export interface Codec {
  /** Throws `ValueError` if the value does not have the type. */
  readonly encode: (writer: Writer, value: unknown) => void;
  /** Throws `ValueError` if the bytes do not encode the type. */
  readonly decode: (reader: Reader) => unknown;
  /** Whether every value takes zero bytes. */
  readonly empty: boolean;
}
