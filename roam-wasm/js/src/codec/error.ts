/** A value that cannot be encoded, or bytes that cannot be decoded, and where. */
export class ValueError extends Error {
  readonly #problem: string;
  /** From the outermost value inwards, as in `jobs[2].n`; empty: the value itself. */
  #path = "";

  constructor(problem: string) {
    super(problem);
    this.#problem = problem;
  }

  /** The error as seen from one value further out. */
  within(step: string): this {
    const joint = this.#path === "" || this.#path.startsWith("[") ? "" : ".";
    this.#path = step + joint + this.#path;
    this.message = `${this.#path}: ${this.#problem}`;
    return this;
  }
}

/** Adds to the path of a `ValueError` that comes out of a field, and hands on every error. */
export function inField(error: unknown, name: string): unknown {
  return error instanceof ValueError ? error.within(name) : error;
}

/** As {@link inField}, for an element of a list or an entry of a map. */
export function inElement(error: unknown, key: unknown): unknown {
  const step = `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  return error instanceof ValueError ? error.within(step) : error;
}

/** The error for a value of the wrong type or range. */
export function unexpected(expected: string, value: unknown): ValueError {
  return new ValueError(`expected ${expected}, got ${describe(value)}`);
}

function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `a string of length ${value.length}` : JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object": {
      if (value === null) return "null";
      const name: unknown = value.constructor?.name;
      return typeof name === "string" && name !== "Object" ? `a value of class ${name}` : "an object";
    }
    default:
      return String(value);
  }
}
