/**
 * The service descriptions that `roam-codegen` writes into generated files, from which values are
 * encoded and decoded. They are plain JSON, so they can also be fetched and parsed.
 */

declare const client: unique symbol;
declare const handler: unique symbol;

/** A service as exported by its generated file: its description and the types of its client and its handler. */
export interface Service<Client, Handler> extends ServiceDescription {
  /** Exists for the compiler only. */
  readonly [client]?: Client;
  /** Exists for the compiler only. */
  readonly [handler]?: Handler;
}

/** The description of a service. */
export interface ServiceDescription {
  /** Version of this format. */
  readonly version: 1;
  /** The service's name in Rust. */
  readonly name: string;
  /** The named types; a number as {@link Shape} is an index into this list. */
  readonly types: readonly NamedType[];
  readonly methods: readonly MethodDescription[];
}

/** A named type: a struct or an enum in Rust. */
export interface NamedType {
  readonly name: string;
  readonly shape: Shape;
}

/** One method. */
export interface MethodDescription {
  /** The name in TypeScript. */
  readonly name: string;
  /** The method's id on the wire, in hexadecimal. */
  readonly id: string;
  readonly args: readonly Field[];
  /** The type of the result. */
  readonly ok: Shape;
  /** The method's own error type, if it has one. */
  readonly err?: Shape;
  /**
   * The hash of the whole signature in hexadecimal, everything inside results included, unlike in the id. Introspection
   * does not tell it.
   */
  readonly signature?: string;
  /** What the method promises its callers: `idempotent`, `resumable`, and what later versions add. */
  readonly attributes?: readonly string[];
}

/** The name and the type of a field or an argument. */
export type Field = readonly [name: string, shape: Shape];

/** A built-in type. */
export type Primitive =
  | "bool"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "u128"
  | "i8"
  | "i16"
  | "i32"
  | "i64"
  | "i128"
  | "f32"
  | "f64"
  | "char"
  | "string"
  | "bytes"
  | "unit"
  | "duration";

/**
 * The form of a type's values, in TypeScript and as bytes. `some` is an option of a type that
 * itself includes `null` or `undefined`; `bytes` with a number is a byte array of that length.
 */
export type Shape =
  | Primitive
  | number
  | readonly ["option" | "some" | "list" | "set" | "tx" | "rx", Shape]
  | readonly ["array", Shape, number]
  | readonly ["bytes", number]
  | readonly ["map", Shape, Shape]
  | readonly ["tuple", ...Shape[]]
  | { readonly fields: readonly Field[] }
  | { readonly names: readonly string[] }
  | { readonly variants: readonly Variant[] };

/** A variant of an enum: without data, with `value`, or with fields next to the tag. */
export interface Variant {
  readonly tag: string;
  readonly value?: Shape;
  readonly fields?: readonly Field[];
}
