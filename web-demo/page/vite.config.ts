import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // The page's policy allows no `data:` URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // Bundling the package for development would tear its wasm file from it.
  optimizeDeps: { exclude: ["roam-client"] },
  // For `npm run dev` beside a running `web-demo`.
  server: { proxy: { "/rpc": { target: "http://127.0.0.1:8080", ws: true } } },
});
