import type { ResultStream, Rx } from "./channel/rx.js";
import type { Tx } from "./channel/tx.js";

declare const failure: unique symbol;

/** A duration in milliseconds, with a resolution of nanoseconds. */
export type Milliseconds = number;

/** A type that carries a method's own error type `E`; see `isErrorOf`. */
export interface FailsWith<E> {
  /** Exists for the compiler only. */
  readonly [failure]?: E;
}

/** The result of a call: a promise that rejects with a `RoamError<E>`. */
export type Call<T, E = never> = Promise<T> & FailsWith<E>;

/**
 * The return value of a call whose `Tx` argument is left out: a stream of values, with the method's
 * own result in `result`. The stream ends when the call is answered; if it fails, reading throws its error.
 */
export type Stream<T, R, E = never> = ResultStream<T, Call<R, E>> & FailsWith<E>;

/** The return type of a method's handler. */
export type Answer<T> = T | PromiseLike<T>;

/** Options of a single call. */
export interface CallOptions {
  /** Cancels the call when it aborts; the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Cancels the call after this time; the call rejects with the code `deadline`. */
  readonly timeoutMs?: number | undefined;
  /** Metadata to send with the request. */
  readonly metadata?: MetadataInit | undefined;
  /**
   * Called when the peer has consumed more of the streams in the arguments, with the sum of the
   * bytes consumed so far. For byte streams, only the bytes of the stream count.
   */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** A metadata value; numbers are non-negative integers. */
export type MetadataValue = string | Uint8Array<ArrayBuffer> | bigint;

/** Received metadata, in order; keys may repeat. */
export type Metadata = readonly (readonly [key: string, value: MetadataValue])[];

/** Metadata to send: an object, or pairs such as a `Map` or `Headers`. */
export type MetadataInit =
  | { readonly [key: string]: string | Uint8Array | bigint | number }
  | Iterable<readonly [string, string | Uint8Array | bigint | number]>;

/** The context of a call, for its handler. */
export interface Context {
  /** Aborts when the caller cancels the call, its deadline passes or the link ends. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
}

/**
 * The types accepted for a `T`: also safe integers for bigints, `undefined` for `null`, typed arrays
 * for arrays of numbers, arrays for sets, objects for maps with string keys, and any iterable for a
 * receiver.
 */
export type Input<T> = T extends bigint
  ? bigint | number
  : T extends string | number | boolean | undefined
    ? T
    : T extends null
      ? null | undefined
      : T extends Uint8Array
        ? Uint8Array
        : T extends Tx<unknown>
          ? T
          : T extends Rx<infer E>
            ? Source<E>
            : T extends Map<infer K, infer V>
              ? MapInput<K, V>
              : T extends Set<infer E>
                ? ReadonlySet<Input<E>> | readonly Input<E>[]
                : T extends readonly unknown[]
                  ? ListInput<T>
                  : ObjectInput<T>;

/** The source of a stream to the peer. Byte streams are split into elements of at most 16 KiB. */
export type Source<T> =
  | Rx<T>
  | Iterable<Input<T>>
  | AsyncIterable<Input<T>>
  | ReadableStream<Input<T>>
  | (T extends Uint8Array ? Uint8Array | Blob : never);

type MapInput<K, V> =
  ReadonlyMap<Input<K>, Input<V>> | (K extends string ? { readonly [key: string]: Input<V> } : never);

type ListInput<T extends readonly unknown[]> = number extends T["length"]
  ? readonly Input<T[number]>[] | TypedArray<T[number]>
  : { readonly [K in keyof T]: Input<T[K]> };

type TypedArray<T> = [T] extends [number]
  ? | Int8Array
    | Uint8Array
    | Uint8ClampedArray
    | Int16Array
    | Uint16Array
    | Int32Array
    | Uint32Array
    | Float32Array
    | Float64Array
  : [T] extends [bigint]
    ? BigInt64Array | BigUint64Array
    : never;

type ObjectInput<T> = {
  [K in keyof T as Optional<T[K]> extends true ? never : K]: Input<T[K]>;
} & {
  [K in keyof T as Optional<T[K]> extends true ? K : never]?: Input<T[K]>;
};

/** `true` if a property of this type may be left out. */
type Optional<T> = null extends T ? true : undefined extends T ? true : false;
