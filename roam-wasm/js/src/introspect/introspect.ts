import type { Service } from "../description.js";
import type { Link } from "../link/link.js";
import { describe } from "./convert.js";
import { RoamIntrospectionV1, type ServiceDescriptor } from "./service.js";

/** A client without types: methods by their names in camel case. */
export type UntypedClient = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** What a server serves. */
export interface Introspection {
  /** The descriptions of its services, as they are in Rust, with docs, methods and types. */
  readonly services: readonly ServiceDescriptor[];
  /** Calls the service with this name; throws a `TypeError` when the server has none. */
  client(service: string): UntypedClient;
}

/**
 * Asks a server what it serves: for the console, for tools and for tests, where there is no
 * generated file. Values and methods are those that a generated file would have.
 *
 * Rejects with `unknown-method` when the server does not offer introspection.
 *
 * ```ts
 * import { introspect } from "roam-client/introspect";
 *
 * const server = await introspect(link);
 * await server.client("Demo").divide(6, 3); // 2n
 * ```
 */
export async function introspect(link: Link): Promise<Introspection> {
  const server = link.client(RoamIntrospectionV1);
  const names = await server.services();
  const described = await Promise.all(names.map(({ name }) => server.describe(name)));
  // A service that is not there any more, since the answer before, is left out.
  const services = described.filter((service) => service !== null);
  return {
    services,
    client(name) {
      const service = services.find((service) => service.name === name);
      if (service === undefined) throw new TypeError(`roam: the server has no service ${name}`);
      return link.client(describe(service) as Service<UntypedClient, never>);
    },
  };
}
