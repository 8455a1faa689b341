// `await using` is compiled to code that looks for this symbol; browsers get it only now.
const symbols = Symbol as { asyncDispose?: symbol };
symbols.asyncDispose ??= Symbol.for("Symbol.asyncDispose");

export {};
