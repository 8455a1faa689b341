import init, * as glue from "../wasm/roam_wasm.js";
import { RoamError } from "./errors.js";
import type { Wasm } from "./wasm.js";

/** What the wasm module is made of. */
export type WasmSource =
  string | URL | Response | BufferSource | WebAssembly.Module | Promise<Response | BufferSource | WebAssembly.Module>;

/** What is used of Node, without its types. */
interface NodeProcess {
  getBuiltinModule?(name: "node:fs/promises"): { readFile(path: URL): Promise<BufferSource> };
}

let loaded: Promise<Wasm> | undefined;

/** The wasm side, loaded once. */
export function loadWasm(source?: WasmSource): Promise<Wasm> {
  loaded ??= load(source ?? new URL("../wasm/roam_wasm_bg.wasm", import.meta.url)).catch((cause: unknown) => {
    // The next attempt may do better, for example when the network is back.
    loaded = undefined;
    throw new RoamError("connect", `the wasm module cannot be loaded: ${String(cause)}`, { cause });
  });
  return loaded;
}

async function load(source: WasmSource): Promise<Wasm> {
  await init({
    module_or_path:
      (source instanceof URL && source.protocol === "file:" ? await readFile(source) : undefined) ?? source,
  });
  // The types of the glue do not know that wasm's memory is not shared between threads.
  return glue as Wasm;
}

/** Node cannot fetch files. It is asked in a way that bundlers for browsers do not stumble over. */
function readFile(url: URL): Promise<BufferSource> | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.("node:fs/promises").readFile(url);
}
