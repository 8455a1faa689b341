import { CallChannels } from "../channel/call-channels.js";
import { IncomingEnds } from "../channel/ends.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { RoamError, type RoamErrorCode } from "../errors.js";
import type { Bytes, Ends } from "../wasm.js";
import { decodeMetadata, ERROR } from "./metadata.js";
import type { Method } from "./method.js";

/** First byte of an answer. */
export const OK = 0;
export const ERR = 1;
/** Second byte of one that failed. */
export const USER = 0;
export const UNKNOWN_METHOD = 1;
export const INVALID_PAYLOAD = 2;
export const CANCELLED = 3;

/** Failures that travel as `CANCELLED`, with their name in the metadata. */
const NAMED: Readonly<Record<string, readonly [RoamErrorCode, string]>> = {
  panic: ["panic", "the handler failed"],
  "too-large": ["too-large", "the answer is longer than the limit"],
  busy: ["busy", "the peer has too many calls"],
  deadline: ["deadline", "the deadline passed"],
  unavailable: ["unavailable", "what serves it cannot be reached"],
  "nonce-reused": ["nonce-reused", "the nonce belongs to another call"],
  "nonce-spent": ["nonce-spent", "the call of this nonce was answered before"],
};

/** The value of an answer; throws the error that it holds. */
export function decodeAnswer(
  method: Method,
  payload: Bytes,
  metadata: Bytes,
  ends: Ends | undefined,
  largest: number,
): unknown {
  const channels = new CallChannels(method.label, largest);
  try {
    // Taking an end calls wasm, which may move the memory that the payload lies in.
    const reader = ends === undefined ? new Reader(payload, false) : new Reader(payload.slice(), true);
    const incoming = new IncomingEnds(ends, channels);
    reader.ends = incoming;
    if (reader.byte() !== OK) throw decodeFailure(method, reader, metadata);
    const value = method.ok.decode(reader);
    reader.finish();
    incoming.finish();
    return value;
  } catch (error) {
    const failure = error instanceof ValueError ? undecodable(method, error) : error;
    channels.abandoned(failure);
    throw failure;
  } finally {
    ends?.free();
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
      return error("unknown-method", "the peer does not serve this method; was it generated from another version?");
    case INVALID_PAYLOAD:
      return error("invalid-payload", "the peer could not decode the arguments");
    case CANCELLED: {
      const name = decodeMetadata(metadata).find(([key]) => key === ERROR)?.[1];
      const named = typeof name === "string" && Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
      return named === undefined ? error("cancelled", "the peer stopped the call") : error(...named);
    }
    default:
      throw new ValueError(`an error of kind ${kind}`);
  }
}

function userFailure(method: Method, reader: Reader): RoamError {
  if (method.err === undefined) throw new ValueError("the method has no error of its own");
  const value = method.err.decode(reader);
  reader.finish();
  const tag: unknown = typeof value === "object" && value !== null && "tag" in value ? value.tag : value;
  const reason = typeof tag === "string" ? tag : "the method answered with an error";
  return new RoamError("user", reason, { method: method.label, value });
}

function undecodable(method: Method, error: ValueError): RoamError {
  return new RoamError("protocol", `the answer does not decode: ${error.message}`, { method: method.label });
}
