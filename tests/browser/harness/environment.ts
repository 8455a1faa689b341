import { join } from "node:path";

/** Returns the path of a program that `cargo xtask test` provides. */
export function program(
  variable: "ROAM_CHROMIUM" | "ROAM_GECKODRIVER" | "ROAM_TEST_FAULTS" | "ROAM_TEST_SERVER" | "ROAM_WEB_DEMO",
): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} is not set: run these tests by \`cargo xtask test\``);
  return path;
}

/** The folder that the test server serves. */
export const SITE = join(import.meta.dirname, "site");
