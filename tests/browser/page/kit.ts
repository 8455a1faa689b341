/** Help for the functions that tests run in a tab. What they return travels to Node. */
import { RoamError } from "roam-client";

/** An error, as it travels. */
export interface Failure {
  /** Of a `RoamError`; otherwise the error's name. */
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  readonly method?: string | undefined;
  readonly value?: unknown;
}

/** How a promise failed; `undefined`: it did not. */
export async function failure(promise: PromiseLike<unknown>): Promise<Failure | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

/** As {@link failure}, for something that may throw at once. */
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

/** How reading something came to its end. */
export interface Read<T> {
  readonly values: T[];
  /** `undefined`: it ended cleanly. */
  readonly failure: Failure | undefined;
}

/** Reads to the end, however that is. */
export async function read<T>(stream: AsyncIterable<T>): Promise<Read<T>> {
  const values: T[] = [];
  const failed = await failure(
    (async () => {
      for await (const value of stream) values.push(value);
    })(),
  );
  return { values, failure: failed };
}

/** Numbers from 0. */
export function* count(to: number): Generator<number, undefined, undefined> {
  for (let i = 0; i < to; i++) yield i;
}

/** Bytes that are the same everywhere: block `index` of a long stream. */
export function block(index: number, length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4);
  let state = index + 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

/** A promise, and how to settle it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

/** Bytes of wasm's memory; it was caught when the module was instantiated. */
export function wasmBytes(): number {
  return wasmMemories().reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}

function wasmMemories(): WebAssembly.Memory[] {
  return (globalThis as { wasmMemories?: WebAssembly.Memory[] }).wasmMemories ?? [];
}

/** A value as it travels to Node, which knows no maps, sets and bytes on this way. */
export function plain(value: unknown): unknown {
  if (value instanceof Map) return { Map: [...value].map(plain) };
  if (value instanceof Set) return { Set: [...value].map(plain) };
  if (ArrayBuffer.isView(value)) return { [value.constructor.name]: [...(value as Uint8Array)] };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
