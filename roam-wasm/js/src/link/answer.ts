import { CallChannels } from "../channel/call-channels.js";
import { decodeValue } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import type { Reader } from "../codec/reader.js";
import { RoamError, type RoamErrorCode } from "../errors.js";
import { type Bytes, type Channels, OutcomeKind } from "../wasm.js";
import { decodeDetails } from "./metadata.js";
import type { Method } from "./method.js";

/** The errors for the outcomes without a value: their codes, and reasons if the peer gives none. */
const ERRORS: Readonly<
  Record<Exclude<OutcomeKind, OutcomeKind.Value | OutcomeKind.Error>, readonly [RoamErrorCode, string]>
> = {
  [OutcomeKind.UnknownMethod]: [
    "unknown-method",
    "the peer does not serve this method; do the generated files differ?",
  ],
  [OutcomeKind.InvalidPayload]: ["invalid-payload", "the peer failed to decode the arguments"],
  [OutcomeKind.Cancelled]: ["cancelled", "the peer stopped the call"],
  [OutcomeKind.Panic]: ["panic", "the handler failed"],
  [OutcomeKind.TooLarge]: ["too-large", "the answer exceeds the payload limit"],
  [OutcomeKind.Busy]: ["busy", "the peer has too many calls"],
  [OutcomeKind.Deadline]: ["deadline", "the deadline passed"],
  [OutcomeKind.Unavailable]: ["unavailable", "the server behind the peer is unreachable"],
  [OutcomeKind.NonceReused]: ["nonce-reused", "the nonce was used for another call"],
  [OutcomeKind.NonceSpent]: ["nonce-spent", "a call with this nonce was already answered"],
  [OutcomeKind.Unauthenticated]: ["unauthenticated", "the peer does not know who we are"],
  [OutcomeKind.PermissionDenied]: ["permission-denied", "we may not do this"],
  [OutcomeKind.ResourceExhausted]: ["resource-exhausted", "we have used up our share"],
  [OutcomeKind.FailedPrecondition]: ["failed-precondition", "the system is not in the state that the call needs"],
  [OutcomeKind.SignatureMismatch]: ["signature-mismatch", "the peer's method has another signature"],
  [OutcomeKind.Malformed]: ["protocol", "failed to decode the answer: neither a value nor an error"],
};

/** Decodes the value of an answer, or throws its error. */
export function decodeAnswer(
  method: Method,
  kind: OutcomeKind,
  body: Bytes,
  halves: Channels | undefined,
  maxElement: number,
): unknown {
  const channels = halves && new CallChannels(method.label, maxElement);
  try {
    return decodeValue(body, halves, channels, (reader) => {
      if (kind !== OutcomeKind.Value) throw failureOf(method, kind, reader);
      const value = method.ok.decode(reader);
      reader.finish();
      return value;
    });
  } catch (error) {
    const failure = error instanceof ValueError ? undecodable(method, error) : error;
    channels?.abort(failure);
    throw failure;
  } finally {
    halves?.free();
  }
}

function failureOf(method: Method, kind: Exclude<OutcomeKind, OutcomeKind.Value>, reader: Reader): RoamError {
  if (kind === OutcomeKind.Error) return userFailure(method, reader);
  const [code, summary] = ERRORS[kind];
  const { reason, retryAfterMs } = decodeDetails(reader);
  return new RoamError(code, reason ?? summary, { method: method.label, retryAfterMs });
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
