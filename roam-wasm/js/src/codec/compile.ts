import type { Field, NamedType, Shape, Variant } from "../description.js";
import type { Codec } from "./codec.js";
import * as composite from "./composites.js";
import { ValueError } from "./error.js";
import { primitives } from "./primitives.js";

/**
 * The most levels of recursive types within a value. Bounds the stack in both directions: a peer's
 * bytes cannot overflow it, and an object that contains itself is an error.
 */
const MAX_DEPTH = 128;

/** Builds codecs from descriptions, one for each named type. */
export class Compiler {
  readonly #types: readonly NamedType[];
  /** By index; `"building"` while the type is being built, to detect recursion. */
  readonly #named: (Codec | "building" | undefined)[] = [];

  constructor(types: readonly NamedType[]) {
    this.#types = types;
  }

  /** Returns the codec of a shape. */
  codec(shape: Shape): Codec {
    if (typeof shape === "string") {
      if (!Object.hasOwn(primitives, shape)) throw new TypeError(`roam: unknown type ${shape} in a description`);
      return primitives[shape];
    }
    if (typeof shape === "number") return this.#reference(shape);
    if ("fields" in shape) return composite.struct(this.fields(shape.fields));
    if ("names" in shape) return composite.names(shape.names);
    if ("variants" in shape)
      return composite.variants(shape.variants.map((variant) => [variant.tag, this.#variant(variant)]));
    switch (shape[0]) {
      case "option":
        return composite.option(this.codec(shape[1]));
      case "some":
        return composite.some(this.codec(shape[1]));
      case "list":
        return composite.list(this.codec(shape[1]));
      case "set":
        return composite.set(this.codec(shape[1]));
      case "array":
        return composite.array(this.codec(shape[1]), shape[2]);
      case "map":
        return composite.map(this.codec(shape[1]), this.codec(shape[2]));
      case "tuple":
        return composite.tuple((shape.slice(1) as Shape[]).map((element) => this.codec(element)));
      case "bytes":
        return composite.bytes(shape[1]);
      case "tx":
      case "rx":
        return channelHalf(shape[0], this.codec(shape[1]));
    }
  }

  /** Returns the names and codecs of fields. */
  fields(fields: readonly Field[]): (readonly [string, Codec])[] {
    return fields.map((field) => {
      composite.checkName(field);
      return [field[0], this.codec(field[1])];
    });
  }

  #variant({ tag, value, fields }: Variant): Codec {
    return composite.variant(tag, this.fields(fields ?? (value === undefined ? [] : [["value", value]])));
  }

  #reference(index: number): Codec {
    const known = this.#named[index];
    if (known === "building") return this.#recursive(index);
    if (known !== undefined) return known;
    const type = this.#types[index];
    if (type === undefined) throw new TypeError(`roam: no type ${index} in a description`);
    this.#named[index] = "building";
    return (this.#named[index] = this.codec(type.shape));
  }

  /** Returns the codec of a type within itself: it looks the codec up when used, as it is not built yet. */
  #recursive(index: number): Codec {
    const codec = (): Codec => this.#named[index] as Codec;
    return {
      encode(writer, value) {
        deeper(writer);
        codec().encode(writer, value);
        writer.depth -= 1;
      },
      decode(reader) {
        deeper(reader);
        const value = codec().decode(reader);
        reader.depth -= 1;
        return value;
      },
      // A type that takes no bytes cannot contain itself.
      empty: false,
    };
  }
}

function deeper(at: { depth: number }): void {
  if (++at.depth > MAX_DEPTH) throw new ValueError(`nested deeper than ${MAX_DEPTH}`);
}

/** Encodes a channel half as a byte that the channel's id replaces when the payload is sent. */
function channelHalf(half: "tx" | "rx", element: Codec): Codec {
  return {
    encode(writer, value) {
      writer.collect()[half](value, element, writer.length);
      writer.byte(0);
    },
    decode(reader) {
      if (reader.channels === undefined) throw new ValueError("a channel cannot carry channels");
      reader.bigVarint(64);
      return reader.channels[half](element);
    },
    empty: false,
  };
}
