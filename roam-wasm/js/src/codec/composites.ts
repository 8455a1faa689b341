import type { Field } from "../description.js";
import type { Codec } from "./codec.js";
import { inElement, inField, unexpected, ValueError } from "./error.js";
import { bit, primitives } from "./primitives.js";

/** `T | null`; `undefined` is accepted as `null`. */
export function option(inner: Codec): Codec {
  return {
    encode(writer, value) {
      if (value === null || value === undefined) return writer.byte(0);
      writer.byte(1);
      inner.encode(writer, value);
    },
    decode: (reader) => (bit(reader, "an option") ? inner.decode(reader) : null),
    empty: false,
  };
}

/** `{ value: T } | null`: an option of a type that itself includes `null` or `undefined`. */
export function some(inner: Codec): Codec {
  return option(struct([["value", inner]]));
}

/** An array, or a typed array. */
export function list(element: Codec): Codec {
  return {
    encode(writer, value) {
      if (!isList(value)) throw unexpected("an array", value);
      writer.varint(value.length);
      encodeElements(writer, element, value);
    },
    decode: (reader) => decodeElements(reader, element, reader.listLength(element.empty)),
    empty: false,
  };
}

/** A list whose length is part of the type. */
export function array(element: Codec, length: number): Codec {
  return {
    encode(writer, value) {
      if (!isList(value) || value.length !== length) throw unexpected(`an array of ${length} elements`, value);
      encodeElements(writer, element, value);
    },
    decode: (reader) => decodeElements(reader, element, length),
    empty: length === 0 || element.empty,
  };
}

/** A `Uint8Array` whose length is part of the type. */
export function bytes(length: number): Codec {
  return {
    encode(writer, value) {
      if (!(value instanceof Uint8Array) || value.length !== length)
        throw unexpected(`a Uint8Array of ${length} bytes`, value);
      writer.raw(value);
    },
    decode: (reader) => reader.raw(length),
    empty: length === 0,
  };
}

/** A `Set`; an array is accepted. */
export function set(element: Codec): Codec {
  const elements = list(element);
  return {
    encode(writer, value) {
      if (!(value instanceof Set || isList(value))) throw unexpected("a Set", value);
      elements.encode(writer, value instanceof Set ? [...value] : value);
    },
    decode: (reader) => new Set(decodeElements(reader, element, reader.listLength(element.empty))),
    empty: false,
  };
}

/** A `Map`; a plain object is accepted where the keys are strings. */
export function map(key: Codec, value: Codec): Codec {
  const expected = key === primitives.string ? "a Map or an object" : "a Map";
  return {
    encode(writer, entries) {
      const pairs =
        entries instanceof Map
          ? [...entries]
          : key === primitives.string && isObject(entries)
            ? Object.entries(entries)
            : undefined;
      if (pairs === undefined) throw unexpected(expected, entries);
      writer.varint(pairs.length);
      for (const [k, v] of pairs) {
        try {
          key.encode(writer, k);
          value.encode(writer, v);
        } catch (error) {
          throw inElement(error, k);
        }
      }
    },
    decode(reader) {
      const length = reader.listLength(key.empty && value.empty);
      const entries = new Map<unknown, unknown>();
      for (let i = 0; i < length; i++) {
        try {
          const k = key.decode(reader);
          entries.set(k, value.decode(reader));
        } catch (error) {
          throw inElement(error, i);
        }
      }
      return entries;
    },
    empty: false,
  };
}

/** An array with a type for each position. */
export function tuple(elements: readonly Codec[]): Codec {
  const length = elements.length;
  return {
    encode(writer, value) {
      if (!isList(value) || value.length !== length) throw unexpected(`an array of ${length} elements`, value);
      let i = 0;
      try {
        for (; i < length; i++) elements[i]!.encode(writer, value[i]);
      } catch (error) {
        throw inElement(error, i);
      }
    },
    decode(reader) {
      const value: unknown[] = [];
      try {
        for (const element of elements) value.push(element.decode(reader));
      } catch (error) {
        throw inElement(error, value.length);
      }
      return value;
    },
    empty: elements.every((element) => element.empty),
  };
}

/** An object; only its own properties are read. */
export function struct(fields: readonly (readonly [string, Codec])[], create: () => object = () => ({})): Codec {
  const names = fields.map(([name]) => name);
  const codecs = fields.map(([, codec]) => codec);
  const length = fields.length;
  return {
    encode(writer, value) {
      if (!isObject(value)) throw unexpected("an object", value);
      let i = 0;
      try {
        for (; i < length; i++) codecs[i]!.encode(writer, own(value, names[i]!));
      } catch (error) {
        throw inField(error, names[i]!);
      }
    },
    decode(reader) {
      const value = create() as Record<string, unknown>;
      let i = 0;
      try {
        for (; i < length; i++) value[names[i]!] = codecs[i]!.decode(reader);
      } catch (error) {
        throw inField(error, names[i]!);
      }
      return value;
    },
    empty: codecs.every((codec) => codec.empty),
  };
}

/** An enum without data: one of these strings. */
export function names(all: readonly string[]): Codec {
  const indices = new Map(all.map((name, index) => [name, index]));
  const expected = `one of ${all.map((name) => JSON.stringify(name)).join(", ")}`;
  return {
    encode(writer, value) {
      const index = indices.get(value as string);
      if (index === undefined) throw unexpected(expected, value);
      writer.varint(index);
    },
    decode(reader) {
      const index = reader.varint();
      if (index >= all.length) throw new ValueError(`expected ${expected}, got variant ${index}`);
      return all[index];
    },
    empty: false,
  };
}

/** An enum with data: each variant is an object with its `tag`. */
export function variants(all: readonly (readonly [tag: string, codec: Codec])[]): Codec {
  const tags = names(all.map(([tag]) => tag));
  const codecs = new Map(all);
  return {
    encode(writer, value) {
      if (!isObject(value)) throw unexpected("an object with a tag", value);
      const tag = own(value, "tag");
      try {
        tags.encode(writer, tag);
      } catch (error) {
        throw inField(error, "tag");
      }
      codecs.get(tag as string)!.encode(writer, value);
    },
    decode: (reader) => codecs.get(tags.decode(reader) as string)!.decode(reader),
    empty: false,
  };
}

/** The data of one variant: an object with its fields next to the tag. */
export function variant(tag: string, fields: readonly (readonly [string, Codec])[]): Codec {
  return struct(fields, () => ({ tag }));
}

/** Throws for a name that would set the object's prototype when assigned. */
export function checkName([name]: Field): void {
  if (name === "__proto__") throw new TypeError("roam: a field cannot be named __proto__");
}

function encodeElements(writer: Parameters<Codec["encode"]>[0], element: Codec, values: ArrayLike<unknown>): void {
  const length = values.length;
  let i = 0;
  try {
    for (; i < length; i++) element.encode(writer, values[i]);
  } catch (error) {
    throw inElement(error, i);
  }
}

function decodeElements(reader: Parameters<Codec["decode"]>[0], element: Codec, length: number): unknown[] {
  const values: unknown[] = [];
  try {
    while (values.length < length) values.push(element.decode(reader));
  } catch (error) {
    throw inElement(error, values.length);
  }
  return values;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !isList(value);
}

function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}
