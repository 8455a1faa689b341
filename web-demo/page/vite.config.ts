import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // The page's content security policy does not allow `data:` URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // Bundling the package in development would separate it from its wasm file.
  optimizeDeps: { exclude: ["@roam-rpc/client"] },
  // For `npm run dev` while `web-demo` is running.
  server: { proxy: { "/rpc": { target: "http://127.0.0.1:8080", ws: true } } },
});
