import { type Browser, chromium } from "playwright-core";
import { program } from "./environment.js";

/** Needed to run as root, and to avoid minutes of network requests. */
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

/** Returns the browser, which all tests share. */
export function browser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: program("ROAM_CHROMIUM"), args: ARGUMENTS });
  return launched;
}

export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
}
