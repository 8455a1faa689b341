export { introspect, type Introspection, type UntypedClient } from "./introspect/introspect.js";
export type * from "./introspect/service.js";
