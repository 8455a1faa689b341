import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

/** Turns the values of one type into postcard bytes and back. */
export interface Codec {
  /** Throws `ValueError` when the value is not of the type. */
  readonly encode: (writer: Writer, value: unknown) => void;
  /** Throws `ValueError` when the bytes are not of the type. */
  readonly decode: (reader: Reader) => unknown;
  /** Whether every value takes no bytes. */
  readonly empty: boolean;
}
