import type { Codec } from "../codec/codec.js";
import { Compiler } from "../codec/compile.js";
import { inField } from "../codec/error.js";
import type { Reader } from "../codec/reader.js";
import type { Writer } from "../codec/writer.js";
import type { MethodDescription, ServiceDescription } from "../description.js";

/** A compiled method, ready to call and to serve. */
export interface Method {
  readonly name: string;
  /** The name in errors: `Demo.divide`. */
  readonly label: string;
  readonly id: bigint;
  readonly args: readonly (readonly [name: string, codec: Codec])[];
  readonly ok: Codec;
  readonly err: Codec | undefined;
  /** The hash of the whole signature; introspection does not tell it. */
  readonly signature: bigint | undefined;
  /** The index of the only `Tx` argument; -1 if there is none or more than one. */
  readonly onlyTx: number;
}

/** The labels of the methods of all services used so far, by id. */
export const labels = new Map<bigint, string>();

const compiled = new WeakMap<ServiceDescription, readonly Method[]>();

/** Returns the methods of a service, and compiles each description once. */
export function methodsOf(service: ServiceDescription): readonly Method[] {
  const known = compiled.get(service);
  if (known !== undefined) return known;
  // A description from JavaScript or JSON was not type-checked.
  if ((service.version as number) !== 1)
    throw new TypeError(`roam: expected a description of version 1, got ${service.version}: regenerate the file`);
  const compiler = new Compiler(service.types);
  const methods = service.methods.map((method) => compile(compiler, service.name, method));
  compiled.set(service, methods);
  for (const { id, label } of methods) labels.set(id, label);
  return methods;
}

/** Encodes the arguments; errors name the argument. */
export function encodeArgs(writer: Writer, method: Method, args: readonly unknown[]): void {
  method.args.forEach(([name, codec], index) => {
    try {
      codec.encode(writer, args[index]);
    } catch (error) {
      throw inField(error, name);
    }
  });
}

/** Decodes the arguments; errors name the argument. */
export function decodeArgs(reader: Reader, method: Method): unknown[] {
  const args = method.args.map(([name, codec]) => {
    try {
      return codec.decode(reader);
    } catch (error) {
      throw inField(error, name);
    }
  });
  reader.finish();
  return args;
}

function compile(compiler: Compiler, service: string, method: MethodDescription): Method {
  const isTx = method.args.map(([, shape]) => Array.isArray(shape) && shape[0] === "tx");
  return {
    name: method.name,
    label: `${service}.${method.name}`,
    id: BigInt(method.id),
    args: compiler.fields(method.args),
    ok: compiler.codec(method.ok),
    err: method.err === undefined ? undefined : compiler.codec(method.err),
    signature: method.signature === undefined ? undefined : BigInt(method.signature),
    onlyTx: isTx.indexOf(true) === isTx.lastIndexOf(true) ? isTx.indexOf(true) : -1,
  };
}
