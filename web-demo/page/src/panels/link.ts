import type { Link } from "roam-client";
import type { DemoClient } from "../gen/demo.js";
import type { Panel, Session } from "../session.js";
import { element, setText, showOnly } from "../view/dom.js";
import { Flight } from "../view/flight.js";
import * as format from "../view/format.js";
import { Wire } from "../view/wire.js";

/** How often the round trip is measured, and the figures are written. */
const PING_MS = 1_000;
const FIGURES_MS = 250;

/** The link's state, what is on the wire, and its figures. */
export class LinkPanel implements Panel {
  readonly #root = element("link", HTMLElement);
  readonly #state = element("link-state", HTMLElement);
  readonly #reason = element("link-reason", HTMLElement);
  readonly #cut = element("link-cut", HTMLButtonElement);
  readonly #reconnect = element("link-reconnect", HTMLButtonElement);
  readonly #figures = {
    rtt: element("link-rtt", HTMLElement),
    sent: element("link-sent", HTMLElement),
    received: element("link-received", HTMLElement),
    calls: element("link-calls", HTMLElement),
    channels: element("link-channels", HTMLElement),
    credit: element("link-credit", HTMLElement),
    rateOut: element("link-rate-out", HTMLElement),
    rateIn: element("link-rate-in", HTMLElement),
  };
  readonly #flight = new Flight();
  readonly #wire = new Wire(element("wire", HTMLCanvasElement));
  #link: Link | undefined;
  #written = { at: 0, in: 0, out: 0 };

  /** `reconnect` is called when the visitor asks for another link. */
  constructor(reconnect: () => void) {
    this.#cut.addEventListener("click", () => void this.#link?.close("cut by the visitor"));
    this.#reconnect.addEventListener("click", () => {
      this.#show("connecting", "");
      reconnect();
    });
  }

  opened({ link, demo }: Session): void {
    this.#link = link;
    this.#written = { at: 0, in: 0, out: 0 };
    this.#show("connected", "", this.#cut);
    this.#wire.open();
    this.#flight.opened(link);
    void this.#ping(link, demo);
    requestAnimationFrame((now) => this.#frame(link, now));
  }

  lost(reason: string): void {
    this.#link = undefined;
    this.#show("lost", reason, this.#reconnect);
    this.#wire.cut();
    this.#flight.lost();
    for (const figure of Object.values(this.#figures)) figure.textContent = "–";
  }

  #show(state: "connecting" | "connected" | "lost", reason: string, ...buttons: HTMLElement[]): void {
    this.#root.dataset["state"] = state;
    setText(this.#state, state === "lost" ? "link lost" : state);
    setText(this.#reason, reason);
    showOnly([this.#cut, this.#reconnect], buttons);
  }

  /** Draws for as long as the link lasts. */
  #frame(link: Link, now: number): void {
    if (this.#link !== link) return;
    this.#wire.sample(now, link.stats());
    if (now - this.#written.at >= FIGURES_MS) this.#write(link, now);
    requestAnimationFrame((later) => this.#frame(link, later));
  }

  #write(link: Link, now: number): void {
    const stats = link.stats();
    const { at, in: bytesIn, out: bytesOut } = this.#written;
    const rate = (grown: number): string => (at === 0 ? "" : `${format.bytes((grown / (now - at)) * 1000)}/s`);
    this.#written = { at: now, in: stats.bytesIn, out: stats.bytesOut };
    const texts = {
      sent: format.bytes(stats.bytesOut),
      received: format.bytes(stats.bytesIn),
      calls: `${stats.callsOut} out, ${stats.callsIn} in`,
      channels: format.count(stats.channels),
      credit: format.bytes(stats.credit),
      rateOut: rate(stats.bytesOut - bytesOut),
      rateIn: rate(stats.bytesIn - bytesIn),
    };
    for (const [name, text] of Object.entries(texts)) setText(this.#figures[name as keyof typeof texts], text);
    this.#flight.show(link);
  }

  /** Measures the round trip for as long as the link lasts. */
  async #ping(link: Link, demo: DemoClient): Promise<void> {
    try {
      while (this.#link === link) {
        const begin = performance.now();
        await demo.ping();
        setText(this.#figures.rtt, format.duration(performance.now() - begin));
        await new Promise((resolve) => setTimeout(resolve, PING_MS));
      }
    } catch {
      // The link is lost, which `lost` shows.
    }
  }
}
