import type { Stream } from "@roam-rpc/client";
import type { DemoClient, Sample } from "../gen/demo.js";
import type { Progress } from "../gen/page.js";
import type { Panel, Session } from "../session.js";
import { Chart } from "../view/chart.js";
import { element, setText, showOnly } from "../view/dom.js";
import { explain } from "../view/explain.js";
import * as format from "../view/format.js";

/** Roughly how many samples fill the window: 128 KiB at about 20 bytes each. */
const WINDOW = 6_600;
/** Shorter waits of the server are normal and not shown. */
const WAITING_MS = 200;
const FIGURES_MS = 100;
const NOTHING_SENT: Progress = { sent: 0, waitingMs: 0 };

/** The states of the stream, as shown to the visitor. */
const STATES = {
  stopped: "stopped",
  flowing: "flowing",
  paused: "paused, the window fills",
  waiting: "paused, the server waits",
};

/** A stream of measurements that can be paused. */
export class StreamPanel implements Panel {
  readonly #root = element("stream", HTMLElement);
  readonly #body = element("stream-body", HTMLFieldSetElement);
  readonly #buttons = {
    start: element("stream-start", HTMLButtonElement),
    pause: element("stream-pause", HTMLButtonElement),
    resume: element("stream-resume", HTMLButtonElement),
    stop: element("stream-stop", HTMLButtonElement),
  };
  readonly #state = element("stream-state", HTMLElement);
  readonly #error = element("stream-error", HTMLElement);
  readonly #window = element("stream-window", HTMLProgressElement);
  readonly #unread = element("stream-unread", HTMLOutputElement);
  readonly #figures = {
    cpu: element("stream-cpu", HTMLElement),
    late: element("stream-late", HTMLElement),
    memory: element("stream-memory", HTMLElement),
    sent: element("stream-sent", HTMLElement),
    read: element("stream-read", HTMLElement),
  };
  readonly #chart = new Chart(element("chart", HTMLCanvasElement));
  #demo: DemoClient | undefined;
  #stream: Stream<Sample, void> | undefined;
  /** Set while the visitor has paused; `resumed` resolves when reading continues. */
  #pause: { readonly resumed: Promise<void>; readonly resume: () => void } | undefined;
  #progress = NOTHING_SENT;
  #last: Sample | undefined;
  #shownAt = 0;

  constructor() {
    this.#buttons.start.addEventListener("click", () => this.#start());
    this.#buttons.pause.addEventListener("click", () => this.#setPaused(true));
    this.#buttons.resume.addEventListener("click", () => this.#setPaused(false));
    this.#buttons.stop.addEventListener("click", () => this.#stop());
    // A new rate needs a new stream.
    this.#body.addEventListener("change", () => this.#stream && this.#start());
  }

  opened({ demo }: Session): void {
    this.#demo = demo;
    this.#body.disabled = false;
    this.#start();
  }

  lost(): void {
    this.#demo = undefined;
    this.#body.disabled = true;
    // A paused reader must resume to see the error.
    this.#pause?.resume();
  }

  /** Takes the server's report of its progress. */
  sending(progress: Progress): void {
    this.#progress = progress;
    this.#show();
  }

  #start(): void {
    if (this.#demo === undefined) return;
    this.#stop();
    const rate = this.#body.querySelector<HTMLInputElement>("input:checked")?.value;
    this.#stream = this.#demo.measure(Number(rate));
    this.#progress = NOTHING_SENT;
    this.#last = undefined;
    this.#chart.clear();
    this.#error.textContent = "";
    this.#show();
    void this.#read(this.#stream);
  }

  #stop(): void {
    // This makes the server stop; its handler ends.
    void this.#stream?.return();
    this.#stream = undefined;
    this.#setPaused(false);
  }

  /** Reads until the stream ends, except while paused. */
  async #read(stream: Stream<Sample, void>): Promise<void> {
    try {
      for await (const sample of stream) {
        if (this.#stream === stream) this.#onSample(sample);
        await this.#pause?.resumed;
      }
    } catch (error) {
      if (this.#stream !== stream) return;
      this.#error.textContent = `The stream failed: ${explain(error)}`;
      this.#stop();
    }
  }

  #onSample(sample: Sample): void {
    this.#last = sample;
    this.#chart.add(sample);
    if (performance.now() - this.#shownAt > FIGURES_MS) this.#show();
  }

  #setPaused(paused: boolean): void {
    this.#pause?.resume();
    this.#pause = undefined;
    if (paused) {
      let resume = (): void => undefined;
      const resumed = new Promise<void>((resolve) => (resume = resolve));
      this.#pause = { resumed, resume };
    }
    this.#show();
  }

  #show(): void {
    this.#shownAt = performance.now();
    const state = this.#stateNow();
    this.#root.dataset["state"] = state;
    setText(this.#state, STATES[state]);
    const { start, pause, resume, stop } = this.#buttons;
    const shown = { stopped: [start], flowing: [pause, stop], paused: [resume, stop], waiting: [resume, stop] };
    showOnly([start, pause, resume, stop], shown[state]);
    this.#showFigures(state);
  }

  #stateNow(): keyof typeof STATES {
    if (this.#stream === undefined) return "stopped";
    if (this.#pause === undefined) return "flowing";
    return this.#progress.waitingMs < WAITING_MS ? "paused" : "waiting";
  }

  #showFigures(state: keyof typeof STATES): void {
    const { sent, waitingMs } = this.#progress;
    const read = this.#last === undefined ? 0 : this.#last.number + 1;
    const unread = Math.max(0, sent - read);
    this.#window.value = state === "waiting" ? 1 : Math.min(0.99, unread / WINDOW);
    const waits = state === "waiting" ? `, waits ${format.duration(waitingMs)}` : "";
    this.#unread.value = `${format.count(unread)} unread${waits}`;
    setText(this.#figures.sent, format.count(Math.max(sent, read)));
    setText(this.#figures.read, format.count(read));
    if (this.#last === undefined) return;
    setText(this.#figures.cpu, `${this.#last.cpu.toFixed(1)} %`);
    setText(this.#figures.late, format.duration(this.#last.lateUs / 1000));
    setText(this.#figures.memory, format.bytes(this.#last.memoryKib * 1024));
  }
}
