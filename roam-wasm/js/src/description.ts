/**
 * What `roam-codegen` writes into a generated file so that values can be turned into postcard
 * bytes and back. Plain JSON: it can also be fetched and parsed.
 */

declare const client: unique symbol;
declare const handler: unique symbol;

/** A service as its generated file exports it: its description, and the types of both of its sides. */
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
  /** The service's name as in Rust. */
  readonly name: string;
  /** The named types; a {@link Shape} that is a number is an index into them. */
  readonly types: readonly NamedType[];
  readonly methods: readonly MethodDescription[];
}

/** A type with a name: a struct or an enum in Rust. */
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
  /** What the method returns when it succeeds. */
  readonly ok: Shape;
  /** The method's own error type, if it has one. */
  readonly err?: Shape;
}

/** A name and what stands under it. */
export type Field = readonly [name: string, shape: Shape];

/** A type whose bytes need no further description. */
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
 * How the values of a type look in TypeScript and in bytes. `some` is an option of something that
 * can itself be `null` or `undefined`; `bytes` with a number is a byte vector of that length.
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

/** A variant of an enum: without data, with `value`, or with fields beside the tag. */
export interface Variant {
  readonly tag: string;
  readonly value?: Shape;
  readonly fields?: readonly Field[];
}
