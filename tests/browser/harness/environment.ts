import { join } from "node:path";

/** Where a program lies that the tests need; `cargo xtask test` tells. */
export function program(variable: "ROAM_CHROMIUM" | "ROAM_GECKODRIVER" | "ROAM_TEST_SERVER" | "ROAM_WEB_DEMO"): string {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} is not set: run these tests by \`cargo xtask test\``);
  return path;
}

/** What the test server serves. */
export const SITE = join(import.meta.dirname, "site");
