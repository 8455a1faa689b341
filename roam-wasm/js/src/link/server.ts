import { CallChannels } from "../channel/call-channels.js";
import { decodeValue, encodeValue, type OutgoingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import type { Writer } from "../codec/writer.js";
import { fromFailure, payloadTooLarge, report, RoamError, type RoamErrorCode } from "../errors.js";
import type { Context, Metadata } from "../types.js";
import { type Agreed, type Bytes, type Channels, OutcomeKind, ROOT, type WasmLink } from "../wasm.js";
import { DEADLINE, decodeMetadata, type Details, encodeDetails, LONGEST_TIMER_MS, SIGNATURE } from "./metadata.js";
import { decodeArgs, type Method } from "./method.js";
import type { Served, Services } from "./services.js";

const NO_BODY = new Uint8Array();

/** How many bytes the encoding of an outcome adds to its body, at least. */
const MIN_PREFIX = 1;

/** The errors by which a handler refuses a call. */
const REFUSALS: ReadonlyMap<RoamErrorCode, OutcomeKind> = new Map([
  ["unauthenticated", OutcomeKind.Unauthenticated],
  ["permission-denied", OutcomeKind.PermissionDenied],
  ["resource-exhausted", OutcomeKind.ResourceExhausted],
  ["failed-precondition", OutcomeKind.FailedPrecondition],
]);

/** An unanswered call by the peer. */
interface Request {
  readonly served: Served;
  readonly channels: CallChannels | undefined;
  readonly abort: AbortController;
  /** Aborts the handler at the caller's deadline. */
  deadline: ReturnType<typeof setTimeout> | undefined;
}

/** An answer that was sent, and its channels if it has any. */
interface Responded {
  readonly outgoing: OutgoingChannels | undefined;
  /** `undefined` also if the caller no longer waits. */
  readonly halves: Channels | undefined;
}

/** The peer's calls on a connection. */
export class Server {
  readonly #link: WasmLink;
  readonly #agreed: Agreed;
  readonly #services: Services;
  readonly #requests = new Map<bigint, Request>();

  constructor(link: WasmLink, agreed: Agreed, services: Services) {
    this.#link = link;
    this.#agreed = agreed;
    this.#services = services;
  }

  /** Handles a call by the peer. */
  request(id: bigint, methodId: bigint, payload: Bytes, metadata: Bytes, halves: Channels | undefined): void {
    const served = this.#services.get(methodId);
    try {
      if (served === undefined) return this.#refuse(id, OutcomeKind.UnknownMethod);
      this.#start(id, served, payload, metadata, halves);
    } finally {
      halves?.free();
    }
  }

  /** Aborts the handler of a cancelled call. */
  cancelled(id: bigint): void {
    const request = this.#requests.get(id);
    if (request !== undefined) abortHandler(request, "cancelled", "the caller cancelled");
  }

  /** Aborts all handlers: the link has ended. */
  closed(): void {
    for (const id of [...this.#requests.keys()]) this.cancelled(id);
    this.#requests.clear();
  }

  #start(id: bigint, served: Served, payload: Bytes, metadata: Bytes, halves: Channels | undefined): void {
    const { method } = served;
    const channels = halves && new CallChannels(method.label, this.#agreed.maxElement, true);
    const request: Request = { served, channels, abort: new AbortController(), deadline: undefined };
    try {
      // Taking a half calls wasm, which invalidates the view of the metadata.
      const all = decodeMetadata(metadata);
      const reason = mismatchOf(method, all);
      if (reason !== undefined)
        return this.#refuse(id, OutcomeKind.SignatureMismatch, { reason, retryAfterMs: undefined });
      // Only the first calls have a signature, so handlers do not see it.
      const context: Context = {
        signal: request.abort.signal,
        metadata: all.filter(([key]) => key !== SIGNATURE),
      };
      const args = decodeValue(payload, halves, channels, (reader) => decodeArgs(reader, method));
      this.#requests.set(id, request);
      request.deadline = startDeadline(request, context.metadata);
      void this.#handle(id, request, args, context);
    } catch (error) {
      channels?.abort(error);
      this.#refuse(id, OutcomeKind.InvalidPayload);
    }
  }

  async #handle(id: bigint, request: Request, args: unknown[], context: Context): Promise<void> {
    // Do not run user code inside wasm's callback.
    await undefined;
    try {
      const value = await request.served.handler(...args, context);
      await request.channels?.close();
      const { method } = request.served;
      this.#answer(id, method, OutcomeKind.Value, (writer) => {
        // Ignore what a handler returns for a method without a result.
        if (!method.ok.empty) method.ok.encode(writer, value);
      });
    } catch (error) {
      await this.#fail(id, request, error);
    } finally {
      clearTimeout(request.deadline);
      this.#requests.delete(id);
    }
  }

  async #fail(id: bigint, { served, channels, abort }: Request, error: unknown): Promise<void> {
    const { method } = served;
    const { err } = method;
    if (err === undefined || !(error instanceof RoamError) || error.code !== "user") {
      channels?.abort(error);
      if (abort.signal.aborted) return this.#stopped(id, abort.signal.reason as RoamError);
      if (isResetOrClosed(error)) return this.#refuse(id, OutcomeKind.Cancelled);
      const refusal = refusalOf(error);
      return refusal === undefined ? this.#panic(id, error) : this.#refuse(id, refusal, error as RoamError);
    }
    try {
      await channels?.close();
      this.#answer(id, method, OutcomeKind.Error, (writer) => err.encode(writer, error.value));
    } catch (invalid) {
      this.#panic(id, invalid);
    }
  }

  #answer(id: bigint, method: Method, kind: OutcomeKind, write: (writer: Writer) => void): void {
    const { outgoing, halves } = this.#respond(id, method, kind, write);
    if (outgoing === undefined) return;
    if (halves === undefined)
      return outgoing.abort(new RoamError("cancelled", "the caller cancelled", { method: method.label }));
    const channels = new CallChannels(method.label, this.#agreed.maxElement);
    channels.onSourceError = report;
    outgoing.connect(halves, channels);
  }

  #respond(id: bigint, method: Method, kind: OutcomeKind, write: (writer: Writer) => void): Responded {
    try {
      return encodeValue(write, (body, outgoing) => {
        const { maxPayload } = this.#agreed;
        const length = body.length + MIN_PREFIX;
        if (length > maxPayload) throw payloadTooLarge(length, maxPayload, method.label);
        return { outgoing, halves: this.#link.respond(ROOT, id, kind, body, undefined, outgoing?.channels) };
      });
    } catch (error) {
      if (error instanceof ValueError)
        throw new RoamError("invalid-argument", `result: ${error.message}`, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  /** Answers for a handler that failed: reports the error here and sends the caller only its kind. */
  #panic(id: bigint, error: unknown): void {
    report(error);
    if (error instanceof RoamError && error.code === "too-large") this.#refuse(id, OutcomeKind.TooLarge, error);
    else this.#refuse(id, OutcomeKind.Panic);
  }

  /** Answers for a handler that was aborted. */
  #stopped(id: bigint, reason: RoamError): void {
    this.#refuse(id, reason.code === "deadline" ? OutcomeKind.Deadline : OutcomeKind.Cancelled);
  }

  /** Answers with an outcome that has no body. */
  #refuse(id: bigint, kind: OutcomeKind, details?: Details): void {
    const metadata = details && encodeDetails(details);
    this.#link.respond(ROOT, id, kind, NO_BODY, metadata, undefined);
  }
}

/** Returns why the caller cannot read our answers, if its metadata says so. */
function mismatchOf({ label, signature }: Method, metadata: Metadata): string | undefined {
  const theirs = metadata.find(([key]) => key === SIGNATURE)?.[1];
  if (signature === undefined || typeof theirs !== "bigint" || theirs === signature) return undefined;
  const hex = (hash: bigint): string => `0x${hash.toString(16).padStart(16, "0")}`;
  return `${label} has the signature ${hex(signature)} at the handler, ${hex(theirs)} at the caller`;
}

/** Returns how a handler refused its call; a call of its own that was refused is none of it. */
function refusalOf(error: unknown): OutcomeKind | undefined {
  if (!(error instanceof RoamError) || error.method !== undefined) return undefined;
  return REFUSALS.get(error.code);
}

/** Returns whether a handler failed only because the caller reset a channel or the link has ended. */
function isResetOrClosed(error: unknown): boolean {
  return error instanceof RoamError && (error.code === "reset" || error.code === "closed");
}

/** Starts a timer that aborts the handler at the caller's deadline, if there is one. */
function startDeadline(request: Request, metadata: Metadata): Request["deadline"] {
  const millis = metadata.find(([key]) => key === DEADLINE)?.[1];
  if (typeof millis !== "bigint" || millis > LONGEST_TIMER_MS) return undefined;
  return setTimeout(() => abortHandler(request, "deadline", "the deadline passed"), Number(millis));
}

function abortHandler({ served, abort, channels }: Request, code: "cancelled" | "deadline", why: string): void {
  const reason = new RoamError(code, why, { method: served.method.label });
  abort.abort(reason);
  channels?.abort(reason);
}
