import { type Browser, chromium } from "playwright-core";
import { program } from "./environment.js";

/** Without them Chromium does not run as root, or asks the network for minutes. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

let launched: Promise<Browser> | undefined;

/** One for all tests. */
export function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: program("ROAM_CHROMIUM"), args: ARGUMENTS });
  return launched;
}

export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
}
