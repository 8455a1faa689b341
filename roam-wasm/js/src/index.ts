/// <reference lib="esnext.disposable" preserve="true" />
export { channel } from "./channel/local.js";
export type { ResultStream, Rx } from "./channel/rx.js";
export type { Tx } from "./channel/tx.js";
export type {
  MethodDescription,
  NamedType,
  Primitive,
  Service,
  ServiceDescription,
  Shape,
  Variant,
} from "./description.js";
export { isErrorOf, RoamError, type RoamErrorCode, userError } from "./errors.js";
export {
  connect,
  type ConnectOptions,
  type ServiceHandlers,
  type WebSocketClass,
  type WebSocketLike,
} from "./link/connect.js";
export type { CallInFlight, ChannelInFlight, LinkDiagnostics } from "./link/diagnostics.js";
export type { CloseOptions, Link } from "./link/link.js";
export type { Serving } from "./link/services.js";
export type { LinkState, Store } from "./link/state.js";
export type { WasmSource } from "./load.js";
export type {
  Answer,
  Call,
  CallOptions,
  Context,
  FailsWith,
  Input,
  Metadata,
  MetadataInit,
  MetadataValue,
  Milliseconds,
  Source,
  Stream,
} from "./types.js";
export type { CloseInfo, LinkStats } from "./wasm.js";
