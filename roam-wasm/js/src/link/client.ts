import { LocalChannel } from "../channel/local.js";
import { RemoteSource } from "../channel/remote-source.js";
import { ResultStream, Rx } from "../channel/rx.js";
import { Tx } from "../channel/tx.js";
import type { ServiceDescription } from "../description.js";
import { RoamError } from "../errors.js";
import type { Calls } from "./calls.js";
import { type Method, methodsOf } from "./method.js";

/** Returns an object with a function for each method. */
export function makeClient(calls: Calls, service: ServiceDescription): object {
  return Object.fromEntries(methodsOf(service).map((method) => [method.name, clientMethod(calls, method)]));
}

function clientMethod(calls: Calls, method: Method): unknown {
  const count = method.args.length;
  const call = (...args: unknown[]): unknown => {
    if (method.onlyTx >= 0 && !(args[method.onlyTx] instanceof Tx)) return stream(calls, method, args);
    return calls.call(method, args, optionsAt(args, count));
  };
  // `isErrorOf` recognises the errors of a method by this name.
  return Object.defineProperty(call, "name", { value: method.label });
}

/** Calls a method without its `Tx` argument and returns the stream. */
function stream(calls: Calls, method: Method, given: readonly unknown[]): ResultStream<unknown, Promise<unknown>> {
  const local = new LocalChannel();
  const args = [...given.slice(0, method.onlyTx), local.tx, ...given.slice(method.onlyTx, method.args.length - 1)];
  let cancel: ((reason: unknown) => void) | undefined;
  const result = calls.call(method, args, optionsAt(given, method.args.length - 1), (given) => (cancel = given));
  // Readers see why the call was not sent. This also handles the rejection if nobody awaits `result`.
  result.catch((error: unknown) => local.abort(error));
  const source = Rx.sourceOf(local.rx);
  if (source instanceof RemoteSource) {
    source.callResult = result;
    source.cancelCall = () => cancel?.(new RoamError("cancelled", "its stream was left", { method: method.label }));
  }
  return new ResultStream(source, result);
}

/** Returns the options after `count` arguments; further arguments are returned as invalid options. */
function optionsAt(args: readonly unknown[], count: number): unknown {
  return args.length > count + 1 ? args.length : args[count];
}
