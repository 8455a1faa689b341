import { RoamError } from "roam-client";

/** An error in words for a visitor. */
export function explain(error: unknown): string {
  if (error instanceof RoamError) return `${error.reason} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
