import init, { open } from "../wasm/roam_wasm.js";
import { RoamError } from "./errors.js";
import type { Wasm } from "./wasm.js";

/** The wasm module, or where to load it from. */
export type WasmSource =
  string | URL | Response | BufferSource | WebAssembly.Module | Promise<Response | BufferSource | WebAssembly.Module>;

/** The part of Node's `process` that is used here, as Node's types are not available. */
interface NodeProcess {
  getBuiltinModule?(name: "node:fs/promises"): { readFile(path: URL): Promise<BufferSource> };
}

let loaded: Promise<Wasm> | undefined;

/** Loads the wasm module once. */
export function loadWasm(source?: WasmSource): Promise<Wasm> {
  loaded ??= load(source ?? new URL("../wasm/roam_wasm_bg.wasm", import.meta.url)).catch((cause: unknown) => {
    // Allow another attempt, for example once the network is back.
    loaded = undefined;
    throw new RoamError("connect", `failed to load the wasm module: ${String(cause)}`, { cause });
  });
  return loaded;
}

async function load(source: WasmSource): Promise<Wasm> {
  await init({
    module_or_path:
      (source instanceof URL && source.protocol === "file:" ? await readFile(source) : undefined) ?? source,
  });
  // The types of the glue allow for shared memory, which this module does not use. All but `open` is reached
  // through what `open` provides, so that bundlers drop the rest of the glue.
  return { open } as Wasm;
}

/** Reads a file in Node, which cannot fetch files. `getBuiltinModule` is invisible to bundlers for browsers. */
function readFile(url: URL): Promise<BufferSource> | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.("node:fs/promises").readFile(url);
}
