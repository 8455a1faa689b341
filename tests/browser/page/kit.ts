/** Helpers for the functions that tests run in a tab, whose results are sent to Node. */
import { RoamError } from "@roam-rpc/client";

/** An error in a form that can be sent to Node. */
export interface Failure {
  /** The code of a `RoamError`, or the name of any other error. */
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly method?: string | undefined;
  readonly value?: unknown;
}

/** Returns how a promise failed, or `undefined` if it did not. */
export async function failure(promise: PromiseLike<unknown>): Promise<Failure | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** Returns how `action` failed, like {@link failure}, even if it throws synchronously. */
export function failureOf(action: () => unknown): Promise<Failure | undefined> {
  return failure((async () => action())());
}

export function describe(error: unknown): Failure {
  if (error instanceof RoamError) {
    const { code, message, reason, method, value } = error;
    return { code, message, reason, method, value };
  }
  if (error instanceof Error || error instanceof DOMException) return { code: error.name, message: error.message };
  return { code: typeof error, message: String(error) };
}

/** The elements of a stream, and how it ended. */
export interface Read<T> {
  readonly values: T[];
  /** `undefined` if the stream was closed. */
  readonly failure: Failure | undefined;
}

/** Reads a stream until it ends, with or without an error. */
export async function read<T>(stream: AsyncIterable<T>): Promise<Read<T>> {
  const values: T[] = [];
  const failed = await failure(
    (async () => {
      for await (const value of stream) values.push(value);
    })(),
  );
  return { values, failure: failed };
}

/** Counts from 0 to `to - 1`. */
export function* count(to: number): Generator<number, undefined, undefined> {
  for (let i = 0; i < to; i++) yield i;
}

/** Returns block `index` of a pseudo-random stream that is the same in every environment. */
export function block(index: number, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4);
  let state = index + 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

/** Returns a promise and the function that resolves it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

/** Returns the size of wasm's memory, which `harness/tab.ts` records when a module is instantiated. */
export function wasmBytes(): number {
  return wasmMemories().reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}

function wasmMemories(): WebAssembly.Memory[] {
  return (globalThis as { wasmMemories?: WebAssembly.Memory[] }).wasmMemories ?? [];
}

/** Returns a value in a form that can be sent to Node, which excludes maps, sets and bytes. */
export function plain(value: unknown): unknown {
  if (value instanceof Map) return { Map: [...value].map(plain) };
  if (value instanceof Set) return { Set: [...value].map(plain) };
  if (ArrayBuffer.isView(value)) return { [value.constructor.name]: [...(value as Uint8Array)] };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
