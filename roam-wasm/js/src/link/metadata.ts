import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { withWriter, type Writer } from "../codec/writer.js";
import type { Metadata, MetadataInit, MetadataValue } from "../types.js";
import type { Bytes } from "../wasm.js";

/** The metadata key for how long the caller still waits, in milliseconds. */
export const DEADLINE = "roam-deadline-ms";
/** The metadata key for the hash of the caller's signature of the method. */
export const SIGNATURE = "roam-signature";
/** The longest time a timer can take; a deadline beyond it needs no timer. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const REASON = "roam-error-reason";
const RETRY_AFTER = "roam-retry-after-ms";

const STRING = 0;
const BYTES = 1;
const U64 = 2;
const U64_MAX = 2n ** 64n - 1n;

type Given = MetadataValue | Uint8Array | number;

/** A metadata entry to send. */
export type Entry = readonly [key: string, value: Given];

/** Returns the entries of metadata given by the user. */
export function entries(init: MetadataInit): Entry[] {
  return Symbol.iterator in init ? [...init] : Object.entries(init);
}

/** What we say of ourselves with every call and socket. It changes with the token. */
export interface Said {
  entries: readonly Entry[];
  encoded: Uint8Array | undefined;
}

/** Encodes metadata, if there is any; wasm checks its limits when it is sent. */
export function encodeMetadata(metadata: readonly Entry[]): Uint8Array | undefined {
  if (metadata.length === 0) return undefined;
  return withWriter((writer) => {
    writer.varint(metadata.length);
    for (const [key, value] of metadata) {
      if (typeof key !== "string") throw new ValueError("metadata: a key is not a string");
      writer.string(key);
      encodeValue(writer, key, value);
    }
    return writer.written().slice();
  });
}

/** What the peer said of a failure. */
export interface Details {
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Encodes the details of a failure, as metadata of the answer. */
export function encodeDetails({ reason, retryAfterMs }: Details): Uint8Array | undefined {
  const metadata: Entry[] = [];
  if (reason) metadata.push([REASON, reason]);
  if (retryAfterMs !== undefined) metadata.push([RETRY_AFTER, Math.ceil(retryAfterMs)]);
  return encodeMetadata(metadata);
}

/** Decodes the details of a failure from the metadata of its answer; no bytes are no metadata. */
export function decodeDetails(reader: Reader): Details {
  const metadata = new Map(decodeEntries(reader));
  const [reason, millis] = [metadata.get(REASON), metadata.get(RETRY_AFTER)];
  return {
    reason: typeof reason === "string" ? reason : undefined,
    retryAfterMs: typeof millis === "bigint" ? Number(millis) : undefined,
  };
}

/** Decodes metadata; no bytes are no metadata. */
export function decodeMetadata(bytes: Bytes): Metadata {
  return decodeEntries(new Reader(bytes, false));
}

function decodeEntries(reader: Reader): Metadata {
  if (reader.rest === 0) return [];
  const length = reader.listLength(false);
  return Array.from({ length }, () => [reader.string(), decodeValue(reader)] as const);
}

function encodeValue(writer: Writer, key: string, value: Given): void {
  if (typeof value === "string") {
    writer.byte(STRING);
    writer.string(value);
  } else if (value instanceof Uint8Array) {
    writer.byte(BYTES);
    writer.bytes(value);
  } else {
    const number = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof number !== "bigint" || number < 0n || number > U64_MAX) {
      throw new ValueError(`metadata.${key}: expected a string, a Uint8Array or an unsigned integer`);
    }
    writer.byte(U64);
    writer.bigVarint(number);
  }
}

function decodeValue(reader: Reader): MetadataValue {
  const kind = reader.byte();
  switch (kind) {
    case STRING:
      return reader.string();
    case BYTES:
      return reader.bytes();
    case U64:
      return reader.bigVarint(64);
    default:
      throw new ValueError(`unknown metadata kind ${kind}`);
  }
}
