import { CallChannels } from "../channel/call-channels.js";
import { IncomingChannels, NO_CHANNELS, OutgoingChannels } from "../channel/channels.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { withWriter, type Writer } from "../codec/writer.js";
import type { ServiceDescription } from "../description.js";
import { fromFailure, report, RoamError } from "../errors.js";
import type { Context, Metadata } from "../types.js";
import { type Bytes, type Channels, OutcomeKind, type WasmLink } from "../wasm.js";
import { DEADLINE, decodeMetadata, LONGEST_TIMER_MS, NO_METADATA } from "./metadata.js";
import { decodeArgs, type Method, methodsOf } from "./method.js";

const NO_BODY = new Uint8Array();

type Handler = (...args: unknown[]) => unknown;

/** A method that we serve. */
interface Served {
  readonly method: Method;
  readonly handler: Handler;
}

/** An unanswered call by the peer. */
interface Request {
  readonly served: Served;
  readonly channels: CallChannels;
  readonly abort: AbortController;
  /** Aborts the handler at the caller's deadline. */
  deadline: ReturnType<typeof setTimeout> | undefined;
}

/** The peer's calls on a link. */
export class Server {
  readonly #link: WasmLink;
  readonly #served = new Map<bigint, Served>();
  readonly #requests = new Map<number, Request>();

  constructor(link: WasmLink) {
    this.#link = link;
  }

  /** Serves a service with `handler` from now on. */
  serve(service: ServiceDescription, handler: Readonly<Record<string, unknown>>): void {
    const served = methodsOf(service).map((method): Served => {
      const answer = handler[method.name];
      if (typeof answer !== "function")
        throw new RoamError("invalid-argument", "the handler does not implement this method", { method: method.label });
      return { method, handler: (...args) => answer.apply(handler, args) as unknown };
    });
    for (const each of served) this.#served.set(each.method.id, each);
    this.#link.serve(BigUint64Array.from(served, ({ method }) => method.id));
  }

  /** Handles a call by the peer. */
  request(id: number, methodId: bigint, payload: Bytes, metadata: Bytes, halves: Channels | undefined): void {
    const served = this.#served.get(methodId)!;
    const request: Request = {
      served,
      channels: new CallChannels(served.method.label, this.#link.largestElement()),
      abort: new AbortController(),
      deadline: undefined,
    };
    this.#requests.set(id, request);
    try {
      const args = this.#decode(request, payload, halves);
      const context: Context = { signal: request.abort.signal, metadata: decodeMetadata(metadata) };
      request.deadline = startDeadline(request, context.metadata);
      void this.#handle(id, request, args, context);
    } catch (error) {
      request.channels.abort(error);
      this.#requests.delete(id);
      this.#refuse(id, OutcomeKind.InvalidPayload);
    } finally {
      halves?.free();
    }
  }

  /** Aborts the handler of a cancelled call. */
  cancelled(id: number): void {
    const request = this.#requests.get(id);
    if (request !== undefined) abortHandler(request, "cancelled", "the caller cancelled");
  }

  /** Aborts all handlers: the link has ended. */
  closed(): void {
    for (const id of [...this.#requests.keys()]) this.cancelled(id);
    this.#requests.clear();
  }

  #decode({ served, channels }: Request, payload: Bytes, halves: Channels | undefined): unknown[] {
    // Taking a half calls wasm, which invalidates the view of the payload.
    const reader = halves === undefined ? new Reader(payload, false) : new Reader(payload.slice(), true);
    const incoming = new IncomingChannels(halves, channels);
    reader.channels = incoming;
    const args = decodeArgs(reader, served.method);
    incoming.finish();
    return args;
  }

  async #handle(id: number, request: Request, args: unknown[], context: Context): Promise<void> {
    // Do not run user code inside wasm's callback.
    await undefined;
    try {
      const value = await request.served.handler(...args, context);
      await request.channels.close();
      this.#succeed(id, request.served.method, value);
    } catch (error) {
      await this.#fail(id, request, error);
    } finally {
      clearTimeout(request.deadline);
      this.#requests.delete(id);
    }
  }

  #succeed(id: number, method: Method, value: unknown): void {
    const outgoing = new OutgoingChannels();
    const halves = this.#answer(id, method, OutcomeKind.Value, outgoing, (writer) => {
      // Ignore what a handler returns for a method without a result.
      if (!method.ok.empty) method.ok.encode(writer, value);
    });
    if (halves === undefined)
      return outgoing.abort(new RoamError("cancelled", "the caller cancelled", { method: method.label }));
    const channels = new CallChannels(method.label, this.#link.largestElement());
    channels.onSourceError = report;
    outgoing.connect(halves, channels);
  }

  async #fail(id: number, { served, channels, abort }: Request, error: unknown): Promise<void> {
    const { method } = served;
    const { err } = method;
    if (err === undefined || !(error instanceof RoamError) || error.code !== "user") {
      channels.abort(error);
      if (abort.signal.aborted) return this.#stopped(id, abort.signal.reason as RoamError);
      return isResetOrClosed(error) ? this.#refuse(id, OutcomeKind.Cancelled) : this.#panic(id, error);
    }
    try {
      await channels.close();
      this.#answer(id, method, OutcomeKind.Error, new OutgoingChannels(), (writer) => err.encode(writer, error.value));
    } catch (invalid) {
      this.#panic(id, invalid);
    }
  }

  #answer(
    id: number,
    method: Method,
    kind: OutcomeKind,
    outgoing: OutgoingChannels,
    write: (writer: Writer) => void,
  ): Channels | undefined {
    try {
      return withWriter((writer) => {
        writer.channels = outgoing;
        write(writer);
        return this.#link.respond(id, kind, writer.written(), NO_METADATA, outgoing.keep);
      });
    } catch (error) {
      if (error instanceof ValueError)
        throw new RoamError("invalid-argument", `result: ${error.message}`, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  /** Answers for a handler that failed: reports the error here and sends the caller only its kind. */
  #panic(id: number, error: unknown): void {
    report(error);
    const isTooLarge = error instanceof RoamError && error.code === "too-large";
    this.#refuse(id, isTooLarge ? OutcomeKind.TooLarge : OutcomeKind.Panic);
  }

  /** Answers for a handler that was aborted. */
  #stopped(id: number, reason: RoamError): void {
    this.#refuse(id, reason.code === "deadline" ? OutcomeKind.Deadline : OutcomeKind.Cancelled);
  }

  /** Answers with an outcome that has no body. */
  #refuse(id: number, kind: OutcomeKind): void {
    this.#link.respond(id, kind, NO_BODY, NO_METADATA, NO_CHANNELS);
  }
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
  channels.abort(reason);
}
