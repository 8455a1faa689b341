import type { Service } from "../description.js";
import type { Link } from "../link/link.js";
import { describe } from "./convert.js";
import { RoamIntrospectionV1, type ServiceDescriptor } from "./service.js";

/** An untyped client: its methods by their names in camel case. */
export type UntypedClient = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** The services of a server. */
export interface Introspection {
  /** The services' descriptors, with the docs, methods and types from Rust. */
  readonly services: readonly ServiceDescriptor[];
  /** Returns a client of the service with this name; throws a `TypeError` if the server has none. */
  client(service: string): UntypedClient;
}

/**
 * Asks a server for its services. Use it in the console, in tools and in tests, without a generated
 * file. Methods and values are the same as with one.
 *
 * Rejects with `unknown-method` if the server does not offer introspection.
 *
 * ```ts
 * import { introspect } from "@roam-rpc/client/introspect";
 *
 * const server = await introspect(link);
 * await server.client("Demo").divide(6, 3); // 2n
 * ```
 */
export async function introspect(link: Link): Promise<Introspection> {
  const server = link.client(RoamIntrospectionV1);
  const names = await server.services();
  const described = await Promise.all(names.map(({ name }) => server.describe(name)));
  // Skip a service that was removed since the first response.
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
