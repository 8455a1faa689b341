import type { CloseInfo, Failure } from "./wasm.js";
import type { FailsWith } from "./types.js";

/**
 * What went wrong.
 *
 * Failures at the peer:
 * - `user`: the method returned its own error, which is in `value`
 * - `unknown-method`: the peer does not serve the method
 * - `signature-mismatch`: the peer's method has another signature; the generated files differ
 * - `invalid-payload`: the peer failed to decode the arguments; the generated files differ
 * - `cancelled`: the handler stopped before it had a result, or the stream of the call was left
 * - `panic`: the handler failed
 * - `busy`: the peer has too many calls or channels
 * - `deadline`: `timeoutMs` passed, at the peer or here
 * - `unavailable`: a server behind the peer is unreachable
 * - `nonce-reused`: the peer has seen the call's nonce with other arguments
 * - `nonce-spent`: the peer has answered a call with this nonce and no longer has the answer
 * - `unauthenticated`: the peer does not know who we are, or no longer believes it
 * - `permission-denied`: we may not do this
 * - `resource-exhausted`: we have used up our share; `retryAfterMs` may say when to try again
 * - `failed-precondition`: the system is not in the state that the method needs
 * - `reset`: the peer reset the channel
 *
 * Failures here, or of the link:
 * - `invalid-argument`: a value has the wrong type or range; the reason says where; nothing was sent
 * - `too-large`: a payload or an element exceeds the limit; the reason has both sizes and the setting
 * - `protocol`: the peer sent something that does not decode; the generated files differ
 * - `connect`: no link could be established; if it began, `cause` is a `CloseInfo`, with the code of a refusal
 * - `closed`: the link has ended; `cause` is a `CloseInfo`, as of `link.closed`
 */
export type RoamErrorCode =
  | "user"
  | "unknown-method"
  | "signature-mismatch"
  | "invalid-payload"
  | "cancelled"
  | "panic"
  | "busy"
  | "deadline"
  | "unavailable"
  | "nonce-reused"
  | "nonce-spent"
  | "unauthenticated"
  | "permission-denied"
  | "resource-exhausted"
  | "failed-precondition"
  | "reset"
  | "invalid-argument"
  | "too-large"
  | "protocol"
  | "connect"
  | "closed";

/** The error for every failure in this package. `E` is the method's own error type. */
export class RoamError<E = unknown> extends Error {
  static {
    // Consoles show the class name, which minifiers change.
    Object.defineProperty(this, "name", { value: "RoamError" });
  }

  /** What went wrong. */
  readonly code: RoamErrorCode;
  /** The reason in words; the peer's, if it gave one. */
  readonly reason: string;
  /** The method that failed, such as `Demo.divide`; `undefined` if the failure concerns no method. */
  readonly method: string | undefined;
  /** With the code `user`, the method's own error. */
  readonly value: E | undefined;
  /** After how many milliseconds to try again, if the peer said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: RoamErrorCode,
    reason: string,
    details: { method?: string | undefined; value?: E; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(
      details.method === undefined ? reason : `${details.method}: ${reason}`,
      "cause" in details ? { cause: details.cause } : undefined,
    );
    this.name = "RoamError";
    this.code = code;
    this.reason = reason;
    this.method = details.method;
    this.value = details.value;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * Returns whether `error` is the own error of `method`, a method of a client; if so, `error.value` has its type.
 *
 * ```ts
 * try {
 *   await demo.divide(1n, 0n);
 * } catch (error) {
 *   if (isErrorOf(demo.divide, error)) console.log(error.value); // MathError
 *   else throw error;
 * }
 * ```
 */
export function isErrorOf<E>(
  method: (...args: never[]) => FailsWith<E>,
  error: unknown,
): error is RoamError<E> & { readonly code: "user"; readonly value: E } {
  return error instanceof RoamError && error.code === "user" && error.method === method.name;
}

/** Returns the method's own error for a handler to throw: `throw userError(value)`. */
export function userError<E>(value: E): RoamError<E> {
  return new RoamError("user", "the method's own error", { value });
}

/** Returns the error for a payload that exceeds the link's limit. */
export function payloadTooLarge(length: number, max: number, method: string): RoamError {
  return tooLarge("a payload", length, max, "maxPayloadSize", method);
}

/** Returns the error for what exceeds the limit that `setting` moves. */
export function tooLarge(what: string, length: number, max: number, setting: string, method: string): RoamError {
  const reason = `${what} of ${length} bytes exceeds the limit of ${max} bytes: ${setting}, the smaller of both peers`;
  return new RoamError("too-large", reason, { method });
}

/** Converts an exception thrown by wasm. */
export function fromFailure(failure: unknown, method?: string): unknown {
  if (!isFailure(failure)) return failure;
  const { kind, reason = "", cause: ended, code: closeCode, retryAfterMs } = failure;
  const info = ended && { kind: ended, reason, ...(closeCode !== undefined && { code: closeCode }) };
  if (kind === "closed" && info !== undefined) return linkClosed(info, method);
  const code = kind === "metadata" ? "invalid-argument" : kind;
  return new RoamError(code, reason || failure.message, { method, retryAfterMs, ...(info && { cause: info }) });
}

/** Returns the error for everything that was in flight when a link ended. */
export function linkClosed(info: CloseInfo, method?: string): RoamError {
  const how = {
    local: "the link was closed",
    goodbye: "the server closed the link",
    violation: "the link was closed because a peer broke the protocol",
    transport: "the link was lost",
    timeout: "the link timed out",
  }[info.kind];
  return new RoamError("closed", info.reason === "" ? how : `${how}: ${info.reason}`, { method, cause: info });
}

function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "kind" in value && "message" in value;
}

/** Reports an error that nobody can catch, the way uncaught errors are reported. */
export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
