import { LocalChannel } from "../channel/local.js";
import { RemoteOutlet } from "../channel/remote-outlet.js";
import { ResultStream, Rx } from "../channel/rx.js";
import { Tx } from "../channel/tx.js";
import type { ServiceDescription } from "../description.js";
import type { Calls } from "./calls.js";
import { type Method, methodsOf } from "./method.js";

/** An object with a function for each method. */
export function makeClient(calls: Calls, service: ServiceDescription): object {
  return Object.fromEntries(methodsOf(service).map((method) => [method.name, clientMethod(calls, method)]));
}

function clientMethod(calls: Calls, method: Method): unknown {
  const count = method.args.length;
  const call = (...args: unknown[]): unknown => {
    if (method.onlyTx >= 0 && !(args[method.onlyTx] instanceof Tx)) return stream(calls, method, args);
    return calls.call(method, args, optionsAt(args, count));
  };
  // By its name, `isErrorOf` knows a method's errors.
  return Object.defineProperty(call, "name", { value: method.label });
}

/** The form without the `Tx` argument. */
function stream(calls: Calls, method: Method, given: readonly unknown[]): ResultStream<unknown, Promise<unknown>> {
  const local = new LocalChannel();
  const args = [...given.slice(0, method.onlyTx), local.tx, ...given.slice(method.onlyTx, method.args.length - 1)];
  const result = calls.call(method, args, optionsAt(given, method.args.length - 1));
  // When nothing was sent, readers learn why; in any case they need not look at `result`.
  result.catch((error: unknown) => local.abort(error));
  const outlet = Rx.outletOf(local.rx);
  if (outlet instanceof RemoteOutlet) outlet.verdict = result;
  return new ResultStream(outlet, result);
}

/** What follows the arguments; whatever comes after is refused as wrong options. */
function optionsAt(args: readonly unknown[], count: number): unknown {
  return args.length > count + 1 ? args.length : args[count];
}
