import { CallChannels } from "../channel/call-channels.js";
import { IncomingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { RoamError, type RoamErrorCode } from "../errors.js";
import type { Bytes, Channels } from "../wasm.js";
import { decodeMetadata, ERROR } from "./metadata.js";
import type { Method } from "./method.js";

/** The first byte of an answer. */
export const OK = 0;
export const ERR = 1;
/** The second byte after `ERR`. */
export const USER = 0;
export const UNKNOWN_METHOD = 1;
export const INVALID_PAYLOAD = 2;
export const CANCELLED = 3;

/** Failures that are sent as `CANCELLED` with their name in the metadata. */
const NAMED: Readonly<Record<string, readonly [RoamErrorCode, string]>> = {
  panic: ["panic", "the handler failed"],
  "too-large": ["too-large", "the answer exceeds the payload limit"],
  busy: ["busy", "the peer has too many calls"],
  deadline: ["deadline", "the deadline passed"],
  unavailable: ["unavailable", "the server behind the peer is unreachable"],
  "nonce-reused": ["nonce-reused", "the nonce was used for another call"],
  "nonce-spent": ["nonce-spent", "a call with this nonce was already answered"],
};

/** Decodes the value of an answer, or throws the error in it. */
export function decodeAnswer(
  method: Method,
  payload: Bytes,
  metadata: Bytes,
  halves: Channels | undefined,
  maxElement: number,
): unknown {
  const channels = new CallChannels(method.label, maxElement);
  try {
    // Taking a half calls wasm, which invalidates the view of the payload.
    const reader = halves === undefined ? new Reader(payload, false) : new Reader(payload.slice(), true);
    const incoming = new IncomingChannels(halves, channels);
    reader.channels = incoming;
    if (reader.byte() !== OK) throw decodeFailure(method, reader, metadata);
    const value = method.ok.decode(reader);
    reader.finish();
    incoming.finish();
    return value;
  } catch (error) {
    const failure = error instanceof ValueError ? undecodable(method, error) : error;
    channels.abort(failure);
    throw failure;
  } finally {
    halves?.free();
  }
}

function decodeFailure(method: Method, reader: Reader, metadata: Bytes): RoamError {
  const error = (code: RoamErrorCode, reason: string): RoamError =>
    new RoamError(code, reason, { method: method.label });
  const kind = reader.byte();
  switch (kind) {
    case USER:
      return userFailure(method, reader);
    case UNKNOWN_METHOD:
      return error("unknown-method", "the peer does not serve this method; do the generated files differ?");
    case INVALID_PAYLOAD:
      return error("invalid-payload", "the peer failed to decode the arguments");
    case CANCELLED: {
      const name = decodeMetadata(metadata).find(([key]) => key === ERROR)?.[1];
      const named = typeof name === "string" && Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
      return named === undefined ? error("cancelled", "the peer stopped the call") : error(...named);
    }
    default:
      throw new ValueError(`unknown error kind ${kind}`);
  }
}

function userFailure(method: Method, reader: Reader): RoamError {
  if (method.err === undefined) throw new ValueError("the method has no error type");
  const value = method.err.decode(reader);
  reader.finish();
  const tag: unknown = typeof value === "object" && value !== null && "tag" in value ? value.tag : value;
  const reason = typeof tag === "string" ? tag : "the method returned an error";
  return new RoamError("user", reason, { method: method.label, value });
}

function undecodable(method: Method, error: ValueError): RoamError {
  return new RoamError("protocol", `failed to decode the answer: ${error.message}`, { method: method.label });
}
