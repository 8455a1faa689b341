import { RoamError } from "@roam-rpc/client";

/** Returns the text of an error for the visitor. */
export function explain(error: unknown): string {
  if (error instanceof RoamError) return `${error.reason} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
