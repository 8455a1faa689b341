/** The tour in a Worker. */
import { type Report, tour } from "./tour.js";

interface Order {
  readonly url: string;
  readonly key: string;
}

/** Of the worker's own types, only this is used. */
declare function postMessage(report: Report): void;

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  // An error becomes the worker's `error` event.
  void tour(data.url, data.key).then(postMessage, (error: unknown) => setTimeout(() => Promise.reject(error)));
});
