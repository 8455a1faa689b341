/** A value that cannot be encoded or bytes that cannot be decoded, with the path to the problem. */
export class ValueError extends Error {
  readonly #problem: string;
  /** The path from the outermost value, such as `jobs[2].n`; empty for the value itself. */
  #path = "";

  constructor(problem: string) {
    super(problem);
    this.#problem = problem;
  }

  /** Prepends a step to the path, for the value one level further out. */
  within(step: string): this {
    const joint = this.#path === "" || this.#path.startsWith("[") ? "" : ".";
    this.#path = step + joint + this.#path;
    this.message = `${this.#path}: ${this.#problem}`;
    return this;
  }
}

/** Adds a field to the path of a `ValueError`; returns other errors unchanged. */
export function inField(error: unknown, name: string): unknown {
  return error instanceof ValueError ? error.within(name) : error;
}

/** Same as {@link inField}, for an element of a list or an entry of a map. */
export function inElement(error: unknown, key: unknown): unknown {
  const step = `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  return error instanceof ValueError ? error.within(step) : error;
}

/** Returns the error for a value of the wrong type or range. */
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
