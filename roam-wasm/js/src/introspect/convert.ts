import type {
  Field as FieldShape,
  MethodDescription,
  NamedType,
  ServiceDescription,
  Shape,
  Variant,
} from "../description.js";
import type { Enum, Field, MethodDescriptor, ServiceDescriptor, Struct, Type } from "./service.js";

/** Converts a server's descriptor to the description that `roam-codegen` would have written. */
export function describe(service: ServiceDescriptor): ServiceDescription {
  return new Converter(service.types).service(service);
}

/** The most levels of nested unnamed types. A malformed descriptor could nest them without end. */
const MAX_DEPTH = 64;

/** Converts the types of one type table. */
class Converter {
  readonly #types: readonly Type[];
  /** The positions of structs and enums among the named types. */
  readonly #named = new Map<number, number>();

  constructor(types: readonly Type[]) {
    this.#types = types;
    types.forEach(({ tag }, index) => {
      if (tag === "Struct" || tag === "Enum") this.#named.set(index, this.#named.size);
    });
  }

  service({ name, methods }: ServiceDescriptor): ServiceDescription {
    const types = [...this.#named.keys()].map((index) => this.#namedType(this.#types[index]!));
    const names = members(methods.map(({ name }) => name));
    return { version: 1, name, types, methods: methods.map((method, at) => this.#method(method, names[at]!)) };
  }

  #method({ id, args, ok, err, idempotent }: MethodDescriptor, name: string): MethodDescription {
    const names = members(args.map(({ name }) => name));
    return {
      name,
      id: `0x${id.toString(16).padStart(16, "0")}`,
      args: args.map(({ ty }, at): FieldShape => [names[at]!, this.#shape(ty)]),
      ok: this.#shape(ok),
      ...(err === null ? {} : { err: this.#shape(err) }),
      ...(idempotent ? { attributes: ["idempotent"] } : {}),
    };
  }

  #namedType(type: Type): NamedType {
    if (type.tag === "Struct") return { name: type.value.name, shape: this.#struct(type.value) };
    if (type.tag === "Enum") return { name: type.value.name, shape: this.#enum(type.value) };
    throw malformed();
  }

  #shape(index: bigint, depth = 0): Shape {
    const named = this.#named.get(Number(index));
    if (named !== undefined) return named;
    if (depth > MAX_DEPTH) throw malformed();
    const type = this.#at(index);
    const of = (inner: bigint): Shape => this.#shape(inner, depth + 1);
    switch (type.tag) {
      case "Usize":
        return "u64";
      case "Isize":
        return "i64";
      case "List":
        return this.#at(type.value).tag === "U8" ? "bytes" : ["list", of(type.value)];
      case "Set":
        return ["set", of(type.value)];
      case "Option":
        return [this.#isNullable(type.value) ? "some" : "option", of(type.value)];
      case "Array":
        return this.#at(type.element).tag === "U8"
          ? ["bytes", Number(type.len)]
          : ["array", of(type.element), Number(type.len)];
      case "Map":
        return ["map", of(type.key), of(type.value)];
      case "Tuple":
        return ["tuple", ...type.value.map(of)];
      case "Tx":
        return ["tx", of(type.value)];
      case "Rx":
        return ["rx", of(type.value)];
      case "Result":
        return {
          variants: [
            { tag: "Ok", value: of(type.ok) },
            { tag: "Err", value: of(type.err) },
          ],
        };
      case "Struct":
      case "Enum":
        throw malformed();
      default:
        return type.tag.toLowerCase() as Lowercase<typeof type.tag>;
    }
  }

  #struct({ kind }: Struct): Shape {
    if (kind.tag === "Unit") return "unit";
    if (kind.tag === "Named") return { fields: this.#fields(kind.value) };
    return kind.value.length === 1 ? this.#shape(kind.value[0]!) : this.#tuple(kind.value);
  }

  #enum({ variants }: Enum): Shape {
    if (variants.every(({ payload }) => payload.tag === "Unit"))
      return { names: variants.map(({ wire_name }) => wire_name) };
    return { variants: variants.map((variant) => this.#variant(variant)) };
  }

  #variant({ wire_name: tag, payload }: Enum["variants"][number]): Variant {
    switch (payload.tag) {
      case "Unit":
        return { tag };
      case "Newtype":
        return { tag, value: this.#shape(payload.value) };
      case "Tuple":
        return { tag, value: this.#tuple(payload.value) };
      case "Struct": {
        const fields = this.#fields(payload.value);
        // A field named `tag` would collide with the tag.
        return fields.some(([name]) => name === "tag") ? { tag, value: { fields } } : { tag, fields };
      }
    }
  }

  #tuple(elements: readonly bigint[]): Shape {
    return ["tuple", ...elements.map((element) => this.#shape(element))];
  }

  #fields(fields: readonly Field[]): readonly FieldShape[] {
    return fields.map(({ wire_name, ty }) => [wire_name, this.#shape(ty)]);
  }

  /** Returns whether `null` or `undefined` is a value of the type. */
  #isNullable(index: bigint, depth = 0): boolean {
    const type = this.#at(index);
    if (type.tag === "Unit" || type.tag === "Option") return true;
    if (type.tag !== "Struct" || depth > MAX_DEPTH) return false;
    const { kind } = type.value;
    if (kind.tag === "Unit") return true;
    return kind.tag === "Tuple" && kind.value.length === 1 && this.#isNullable(kind.value[0]!, depth + 1);
  }

  #at(index: bigint): Type {
    const type = this.#types[Number(index)];
    if (type === undefined) throw malformed();
    return type;
  }
}

/** Converts names to camel case and makes them unique, as in a generated file. */
function members(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const camel = camelCase(name);
    let free = camel;
    for (let number = 2; taken.has(free); number += 1) free = `${camel}${number}`;
    taken.add(free);
    return free;
  });
}

function camelCase(name: string): string {
  const words = name.split("_").filter((word) => word !== "");
  return words.map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join("") || "_";
}

function malformed(): TypeError {
  return new TypeError("roam: malformed service descriptor");
}
