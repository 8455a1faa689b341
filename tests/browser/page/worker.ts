/** Runs the tour in a Worker. */
import { type Report, tour } from "./tour.js";

interface Order {
  readonly url: string;
  readonly key: string;
}

/** The only global of a worker that is used here. */
declare function postMessage(report: Report): void;

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  // Turns an error into the worker's `error` event.
  void tour(data.url, data.key).then(postMessage, (error: unknown) => setTimeout(() => Promise.reject(error)));
});
