import { isErrorOf } from "@roam-rpc/client";
import type { DemoClient } from "../gen/demo.js";
import type { Panel, Session } from "../session.js";
import { element } from "../view/dom.js";
import { explain } from "../view/explain.js";
import * as format from "../view/format.js";

const GENERATED = 256 * 1024 * 1024;
const CHUNK = 64 * 1024;

/** A file or generated data to upload. */
interface Upload {
  readonly name: string;
  readonly size: number;
  readonly content: Blob | AsyncIterable<Uint8Array>;
}

/** Streams a file to the server and shows the hash it returns. */
export class UploadPanel implements Panel {
  readonly #root = element("upload", HTMLElement);
  readonly #body = element("upload-body", HTMLFieldSetElement);
  readonly #file = element("upload-file", HTMLInputElement);
  readonly #going = element("upload-going", HTMLElement);
  readonly #name = element("upload-name", HTMLElement);
  readonly #figures = element("upload-figures", HTMLOutputElement);
  readonly #progress = element("upload-progress", HTMLProgressElement);
  readonly #answer = element("upload-answer", HTMLOutputElement);
  readonly #hash = element("upload-hash", HTMLElement);
  readonly #note = element("upload-note", HTMLElement);
  readonly #error = element("upload-error", HTMLElement);
  #demo: DemoClient | undefined;
  #abort: AbortController | undefined;

  constructor() {
    this.#file.addEventListener("change", () => {
      this.#sendFile(this.#file.files?.[0]);
      // Lets the visitor choose the same file again.
      this.#file.value = "";
    });
    element("upload-made-up", HTMLButtonElement).addEventListener("click", () => {
      void this.#send({ name: "generated data", size: GENERATED, content: generate(GENERATED) });
    });
    element("upload-cancel", HTMLButtonElement).addEventListener("click", () => this.#abort?.abort());
    this.#acceptDrops(element("upload-drop", HTMLElement));
  }

  opened({ demo }: Session): void {
    this.#demo = demo;
    this.#body.disabled = false;
  }

  lost(): void {
    this.#demo = undefined;
    this.#body.disabled = true;
  }

  #acceptDrops(target: HTMLElement): void {
    const over = (event: DragEvent): void => {
      event.preventDefault();
      target.toggleAttribute("data-over", event.type === "dragover");
    };
    target.addEventListener("dragover", over);
    target.addEventListener("dragleave", over);
    target.addEventListener("drop", (event) => {
      over(event);
      this.#sendFile(event.dataTransfer?.files[0]);
    });
  }

  #sendFile(file: File | undefined): void {
    if (file !== undefined) void this.#send({ name: file.name, size: file.size, content: file });
  }

  async #send({ name, size, content }: Upload): Promise<void> {
    const demo = this.#demo;
    if (demo === undefined) return;
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.#begin(name);
    const begin = performance.now();
    const onProgress = (bytes: number): void => this.#show(bytes, size, performance.now() - begin);
    onProgress(0);
    try {
      const { sha256, bytes } = await demo.digest(content, { signal: abort.signal, onProgress });
      const took = performance.now() - begin;
      this.#finish("done", "");
      this.#hash.textContent = format.hex(sha256);
      this.#note.textContent = `${name}, ${format.count(bytes)} bytes in ${format.duration(took)}, ${format.bytes((size / took) * 1000)}/s`;
    } catch (error) {
      // Another upload has replaced this one.
      if (this.#abort !== abort) return;
      if (abort.signal.aborted) this.#finish("empty", "Cancelled: the server's handler has been stopped.");
      else if (isErrorOf(demo.digest, error))
        this.#finish("failed", `The stream was interrupted after ${format.count(error.value.bytes)} bytes.`);
      else this.#finish("failed", explain(error));
    }
  }

  #begin(name: string): void {
    this.#root.dataset["state"] = "going";
    this.#name.textContent = name;
    this.#error.textContent = "";
    this.#answer.hidden = true;
    this.#going.hidden = false;
  }

  #show(consumed: number, size: number, took: number): void {
    this.#progress.value = size === 0 ? 1 : consumed / size;
    const speed = took > 0 ? `, ${format.bytes((consumed / took) * 1000)}/s` : "";
    this.#figures.value = `${format.bytes(consumed)} of ${format.bytes(size)}${speed}`;
  }

  #finish(state: "done" | "empty" | "failed", error: string): void {
    this.#abort = undefined;
    this.#root.dataset["state"] = state;
    this.#error.textContent = error;
    this.#answer.hidden = state !== "done";
    this.#answer.dataset["kind"] = state === "done" ? "value" : "none";
    this.#going.hidden = true;
  }
}

/** Generates numbered chunks on demand. Any async iterable can be streamed. */
async function* generate(size: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK);
  const numbers = new Uint32Array(chunk.buffer);
  for (let sent = 0; sent < size; sent += CHUNK) {
    numbers[0] = sent / CHUNK;
    yield chunk;
  }
}
