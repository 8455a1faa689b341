import type { CloseInfo, Failure } from "./wasm.js";
import type { FailsWith } from "./types.js";

/**
 * What went wrong.
 *
 * From the other side:
 * - `user`: the method answered with its own error; it is in `value`
 * - `unknown-method`: nobody serves the method there
 * - `invalid-payload`: it could not decode the arguments; the generated files differ
 * - `cancelled`: it stopped before it had an answer
 * - `panic`: its handler failed
 * - `busy`: it has too many calls or channels
 * - `deadline`: `timeoutMs` passed, there or here
 * - `unavailable`: a server behind it is gone
 * - `nonce-reused`: it has seen the call's nonce with other arguments
 * - `nonce-spent`: it has answered the call of this nonce, and cannot give the answer again
 * - `reset`: it cut the channel
 *
 * From here or from between:
 * - `invalid-argument`: a value has the wrong type or range; the reason says where; nothing was sent
 * - `too-large`: a payload or an element is longer than the limit; the reason has both numbers
 * - `protocol`: it sent something that does not decode; the generated files differ
 * - `connect`: no link came about
 * - `closed`: the link is over
 */
export type RoamErrorCode =
  | "user"
  | "unknown-method"
  | "invalid-payload"
  | "cancelled"
  | "panic"
  | "busy"
  | "deadline"
  | "unavailable"
  | "nonce-reused"
  | "nonce-spent"
  | "reset"
  | "invalid-argument"
  | "too-large"
  | "protocol"
  | "connect"
  | "closed";

/** Every failure of this package. `E` is the method's own error type. */
export class RoamError<E = unknown> extends Error {
  static {
    // Consoles show it; minifiers would change it.
    Object.defineProperty(this, "name", { value: "RoamError" });
  }

  /** What went wrong. */
  readonly code: RoamErrorCode;
  /** Why, in words; from the peer, if it gave a reason. */
  readonly reason: string;
  /** The method that failed, as `Demo.divide`; `undefined` when no method was concerned. */
  readonly method: string | undefined;
  /** With the code `user`, the method's own error. */
  readonly value: E | undefined;

  constructor(
    code: RoamErrorCode,
    reason: string,
    details: { method?: string | undefined; value?: E; cause?: unknown } = {},
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
  }
}

/**
 * Whether `error` is the own error of `method`, a method of a client; then `error.value` has its type.
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

/** For a handler: `throw userError(value)` answers with the method's own error. */
export function userError<E>(value: E): RoamError<E> {
  return new RoamError("user", "the method's own error", { value });
}

/** The error for something that wasm threw. */
export function fromFailure(failure: unknown, method?: string): unknown {
  if (!isFailure(failure)) return failure;
  if (failure.kind === "closed" && failure.cause !== undefined)
    return linkClosed({ kind: failure.cause, reason: failure.reason ?? "" }, method);
  const code = failure.kind === "metadata" ? "invalid-argument" : failure.kind;
  return new RoamError(code, failure.reason || failure.message, { method });
}

/** The error of everything that was still under way when a link ended. */
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

/** Shows an error that nobody here can catch, as the page shows uncaught ones. */
export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
