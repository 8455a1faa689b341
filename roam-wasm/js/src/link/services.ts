import type { ServiceDescription } from "../description.js";
import { dispose } from "../dispose.js";
import { RoamError } from "../errors.js";
import { type Method, methodsOf } from "./method.js";

type Handler = (...args: unknown[]) => unknown;

/** A method that we serve. */
export interface Served {
  readonly method: Method;
  readonly handler: Handler;
}

/** A service that is being served; calling or disposing of it stops that. */
export interface Serving extends Disposable {
  (): void;
}

/** The services that we serve, by the ids of their methods. */
export class Services {
  readonly #served = new Map<bigint, Served>();

  /** Serves a service from now on, in place of an earlier handler for it. */
  serve(service: ServiceDescription, handler: Readonly<Record<string, unknown>>): Serving {
    const served = methodsOf(service).map((method): Served => {
      const answer = handler[method.name];
      if (typeof answer !== "function")
        throw new RoamError("invalid-argument", "the handler does not implement this method", { method: method.label });
      return { method, handler: (...args) => answer.apply(handler, args) as unknown };
    });
    for (const each of served) this.#served.set(each.method.id, each);
    const stop = (): void => {
      // A later handler stays.
      for (const each of served) if (this.get(each.method.id) === each) this.#served.delete(each.method.id);
    };
    return Object.assign(stop, { [dispose]: stop });
  }

  /** Returns the method with this id. */
  get(id: bigint): Served | undefined {
    return this.#served.get(id);
  }
}
