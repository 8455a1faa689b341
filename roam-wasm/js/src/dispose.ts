// Compiled `using` and `await using` look up these symbols, which older browsers do not have. Classes take them from
// here, so that bundlers keep this file in a package without side effects.
const symbols = Symbol as { dispose?: symbol; asyncDispose?: symbol };

/** `Symbol.dispose` */
export const dispose: typeof Symbol.dispose = (symbols.dispose ??= Symbol.for("Symbol.dispose")) as never;

/** `Symbol.asyncDispose` */
export const asyncDispose: typeof Symbol.asyncDispose = (symbols.asyncDispose ??=
  Symbol.for("Symbol.asyncDispose")) as never;
