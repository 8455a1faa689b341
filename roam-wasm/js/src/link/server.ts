import { CallChannels } from "../channel/call-channels.js";
import { IncomingEnds, NO_ENDS, OutgoingEnds } from "../channel/ends.js";
import { ValueError } from "../codec/error.js";
import { Reader } from "../codec/reader.js";
import { withWriter, type Writer } from "../codec/writer.js";
import type { ServiceDescription } from "../description.js";
import { fromFailure, report, RoamError } from "../errors.js";
import type { Context, Metadata } from "../types.js";
import type { Bytes, Ends, WasmLink } from "../wasm.js";
import { CANCELLED, ERR, INVALID_PAYLOAD, OK, USER } from "./answer.js";
import { DEADLINE, decodeMetadata, encodeMetadata, ERROR, LONGEST_TIMER_MS, NO_METADATA } from "./metadata.js";
import { decodeArgs, type Method, methodsOf } from "./method.js";

type Handler = (...args: unknown[]) => unknown;

/** A method that we serve. */
interface Served {
  readonly method: Method;
  readonly handler: Handler;
}

/** A call of the peer that has no answer yet. */
interface Request {
  readonly served: Served;
  readonly channels: CallChannels;
  readonly abort: AbortController;
  /** Rings when the caller waits no longer. */
  deadline: ReturnType<typeof setTimeout> | undefined;
}

/** The calls that the peer makes over a link. */
export class Server {
  readonly #link: WasmLink;
  readonly #served = new Map<bigint, Served>();
  readonly #requests = new Map<number, Request>();

  constructor(link: WasmLink) {
    this.#link = link;
  }

  /** From now on the handler answers the calls of its service. */
  serve(service: ServiceDescription, handler: Readonly<Record<string, unknown>>): void {
    const served = methodsOf(service).map((method): Served => {
      const answer = handler[method.name];
      if (typeof answer !== "function")
        throw new RoamError("invalid-argument", "the handler has no such method", { method: method.label });
      return { method, handler: (...args) => answer.apply(handler, args) as unknown };
    });
    for (const each of served) this.#served.set(each.method.id, each);
    this.#link.serve(BigUint64Array.from(served, ({ method }) => method.id));
  }

  /** The peer calls. */
  request(id: number, methodId: bigint, payload: Bytes, metadata: Bytes, ends: Ends | undefined): void {
    const served = this.#served.get(methodId)!;
    const request: Request = {
      served,
      channels: new CallChannels(served.method.label, this.#link.largestElement()),
      abort: new AbortController(),
      deadline: undefined,
    };
    this.#requests.set(id, request);
    try {
      const args = this.#decode(request, payload, ends);
      const context: Context = { signal: request.abort.signal, metadata: decodeMetadata(metadata) };
      request.deadline = startDeadline(request, context.metadata);
      void this.#handle(id, request, args, context);
    } catch (error) {
      request.channels.abandoned(error);
      this.#requests.delete(id);
      this.#refuse(id, INVALID_PAYLOAD);
    } finally {
      ends?.free();
    }
  }

  /** The peer does not wait for the answer any more. */
  cancelled(id: number): void {
    const request = this.#requests.get(id);
    if (request !== undefined) stop(request, "cancelled", "the caller cancelled");
  }

  /** The link is over. */
  closed(): void {
    for (const id of [...this.#requests.keys()]) this.cancelled(id);
    this.#requests.clear();
  }

  #decode({ served, channels }: Request, payload: Bytes, ends: Ends | undefined): unknown[] {
    // Taking an end calls wasm, which may move the memory that the payload lies in.
    const reader = ends === undefined ? new Reader(payload, false) : new Reader(payload.slice(), true);
    const incoming = new IncomingEnds(ends, channels);
    reader.ends = incoming;
    const args = decodeArgs(reader, served.method);
    incoming.finish();
    return args;
  }

  async #handle(id: number, request: Request, args: unknown[], context: Context): Promise<void> {
    // Users' code does not run inside of wasm's callback.
    await undefined;
    try {
      const value = await request.served.handler(...args, context);
      await request.channels.handled();
      this.#succeed(id, request.served.method, value);
    } catch (error) {
      await this.#fail(id, request, error);
    } finally {
      clearTimeout(request.deadline);
      this.#requests.delete(id);
    }
  }

  #succeed(id: number, method: Method, value: unknown): void {
    const taken = new OutgoingEnds();
    const ends = this.#answer(id, method, taken, (writer) => {
      writer.byte(OK);
      // Whatever a function without a result happens to return is no result.
      if (!method.ok.empty) method.ok.encode(writer, value);
    });
    if (ends === undefined)
      return taken.abandon(new RoamError("cancelled", "the caller cancelled", { method: method.label }));
    const channels = new CallChannels(method.label, this.#link.largestElement());
    channels.onSourceError = report;
    taken.connect(ends, channels);
  }

  async #fail(id: number, { served, channels, abort }: Request, error: unknown): Promise<void> {
    const { method } = served;
    const { err } = method;
    if (err === undefined || !(error instanceof RoamError) || error.code !== "user") {
      channels.abandoned(error);
      if (abort.signal.aborted) return this.#stopped(id, abort.signal.reason as RoamError);
      return isCut(error) ? this.#refuse(id, CANCELLED) : this.#panic(id, error);
    }
    try {
      await channels.handled();
      this.#answer(id, method, new OutgoingEnds(), (writer) => {
        writer.byte(ERR);
        writer.byte(USER);
        err.encode(writer, error.value);
      });
    } catch (unfit) {
      this.#panic(id, unfit);
    }
  }

  #answer(id: number, method: Method, taken: OutgoingEnds, write: (writer: Writer) => void): Ends | undefined {
    try {
      return withWriter((writer) => {
        writer.ends = taken;
        write(writer);
        return this.#link.respond(id, writer.written(), NO_METADATA, taken.keep);
      });
    } catch (error) {
      if (error instanceof ValueError)
        throw new RoamError("invalid-argument", `the answer: ${error.message}`, { method: method.label });
      throw fromFailure(error, method.label);
    }
  }

  /** The handler failed in a way that its caller is told only the name of. */
  #panic(id: number, error: unknown): void {
    report(error);
    this.#refuseAs(id, error instanceof RoamError && error.code === "too-large" ? "too-large" : "panic");
  }

  /** The handler did not come to an answer because it was told to stop. */
  #stopped(id: number, reason: RoamError): void {
    if (reason.code === "deadline") this.#refuseAs(id, "deadline");
    else this.#refuse(id, CANCELLED);
  }

  #refuseAs(id: number, name: "too-large" | "panic" | "deadline"): void {
    withWriter((writer) => {
      encodeMetadata(writer, [[ERROR, name]]);
      this.#link.respond(id, Uint8Array.of(ERR, CANCELLED), writer.written(), NO_ENDS);
    });
  }

  #refuse(id: number, kind: typeof INVALID_PAYLOAD | typeof CANCELLED): void {
    this.#link.respond(id, Uint8Array.of(ERR, kind), NO_METADATA, NO_ENDS);
  }
}

/** Whether the caller has cut a channel, or is gone: then it does not matter that the handler failed. */
function isCut(error: unknown): boolean {
  return error instanceof RoamError && (error.code === "reset" || error.code === "closed");
}

/** Stops the handler when the caller has said how long it waits, and that time is over. */
function startDeadline(request: Request, metadata: Metadata): Request["deadline"] {
  const millis = metadata.find(([key]) => key === DEADLINE)?.[1];
  if (typeof millis !== "bigint" || millis > LONGEST_TIMER_MS) return undefined;
  return setTimeout(() => stop(request, "deadline", "the deadline passed"), Number(millis));
}

function stop({ served, abort, channels }: Request, code: "cancelled" | "deadline", why: string): void {
  const reason = new RoamError(code, why, { method: served.method.label });
  abort.abort(reason);
  channels.abandoned(reason);
}
