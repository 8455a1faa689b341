// Compiled `await using` looks up this symbol, which older browsers do not have.
const symbols = Symbol as { asyncDispose?: symbol };
symbols.asyncDispose ??= Symbol.for("Symbol.asyncDispose");

export {};
