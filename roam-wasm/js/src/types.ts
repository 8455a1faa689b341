import type { ResultStream, Rx } from "./channel/rx.js";
import type { Tx } from "./channel/tx.js";

declare const failure: unique symbol;

/** A duration; fractions count, down to nanoseconds. */
export type Milliseconds = number;

/** Something that can fail with a method's own error `E`; see `isErrorOf`. */
export interface FailsWith<E> {
  /** Exists for the compiler only. */
  readonly [failure]?: E;
}

/** The answer to a call: a promise that rejects with a `RoamError<E>`. */
export type Call<T, E = never> = Promise<T> & FailsWith<E>;

/**
 * What a call returns when its `Tx` argument is left out: the values, and in `result` the method's
 * own answer. The stream ends when the method has answered; if it failed, reading throws its error.
 */
export type Stream<T, R, E = never> = ResultStream<T, Call<R, E>> & FailsWith<E>;

/** What the handler of a method may return. */
export type Answer<T> = T | PromiseLike<T>;

/** Options of a single call. */
export interface CallOptions {
  /** When it aborts, the call is cancelled there and rejects with `signal.reason` here. */
  readonly signal?: AbortSignal | undefined;
  /** After this time the call is cancelled there and rejects with the code `deadline` here. */
  readonly timeoutMs?: number | undefined;
  /** Sent along with the request. */
  readonly metadata?: MetadataInit | undefined;
  /**
   * Told when the peer has consumed more of what is streamed to it by this call: the number of
   * bytes so far, over all streams. For byte streams they are the bytes of the stream.
   */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** A value of metadata; numbers are whole and not negative. */
export type MetadataValue = string | Uint8Array<ArrayBuffer> | bigint;

/** Metadata as it came: in order, keys may repeat. */
export type Metadata = readonly (readonly [key: string, value: MetadataValue])[];

/** Metadata to send: an object, or pairs such as a `Map` or `Headers`. */
export type MetadataInit =
  | { readonly [key: string]: string | Uint8Array | bigint | number }
  | Iterable<readonly [string, string | Uint8Array | bigint | number]>;

/** What a handler learns about the call that it answers. */
export interface Context {
  /** Aborts when the caller cancels, or the link ends. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
}

/**
 * What is taken where a `T` is asked for: also safe integers for bigints, `undefined` for `null`,
 * typed arrays for arrays of numbers, arrays for sets, objects for maps with string keys, and for
 * a receiving end everything that can be iterated.
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

/** What feeds a stream to the peer. Byte streams are split into elements of at most 16 KiB. */
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

/** Whether a property of this type may be left out. */
type Optional<T> = null extends T ? true : undefined extends T ? true : false;
