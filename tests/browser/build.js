// Builds `build/`: the programs for Node, and `site/`, which the test server serves.
import { cp, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const SITE = "build/site";
const PACKAGE = "@roam-rpc/client";

/** Leaves the installed npm package out of the bundle, so that the page loads its files unchanged. */
const asInstalled = {
  name: `${PACKAGE} as installed`,
  setup: ({ onResolve }) =>
    onResolve({ filter: /^@roam-rpc\/client/ }, ({ path }) => ({
      path: `/client/dist/${path === PACKAGE ? "index" : "introspect"}.js`,
      external: true,
    })),
};

await rm("build", { recursive: true, force: true });
await mkdir(SITE, { recursive: true });
await Promise.all([
  cp("page/index.html", `${SITE}/index.html`),
  cp(`node_modules/${PACKAGE}`, `${SITE}/client`, { recursive: true }),
  build({
    entryPoints: ["page/main.ts", "page/worker.ts"],
    bundle: true,
    format: "esm",
    target: "es2022",
    plugins: [asInstalled],
    outdir: SITE,
    logLevel: "warning",
  }),
  build({
    entryPoints: { all: "test/all.ts", firefox: "test/firefox.ts", bench: "bench/main.ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: true,
    outdir: "build",
    logLevel: "warning",
  }),
]);
