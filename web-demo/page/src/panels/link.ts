import type { Link } from "@roam-rpc/client";
import type { DemoClient } from "../gen/demo.js";
import type { Panel, Session } from "../session.js";
import { dropSocket } from "../sockets.js";
import { element, setText, showOnly } from "../view/dom.js";
import { InFlightTable } from "../view/flight.js";
import * as format from "../view/format.js";
import { TrafficView } from "../view/traffic.js";

/** How often the round-trip time is measured. */
const PING_MS = 1_000;
/** How often the figures are updated. */
const FIGURES_MS = 250;

/** Shows the link's state, its traffic and its figures. */
export class LinkPanel implements Panel {
  readonly #root = element("link", HTMLElement);
  readonly #state = element("link-state", HTMLElement);
  readonly #reason = element("link-reason", HTMLElement);
  readonly #drop = element("link-drop", HTMLButtonElement);
  readonly #close = element("link-cut", HTMLButtonElement);
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
  readonly #inFlight = new InFlightTable();
  readonly #traffic = new TrafficView(element("traffic", HTMLCanvasElement));
  #link: Link | undefined;
  #previous = { at: 0, in: 0, out: 0 };
  /** The link has had another socket before. */
  #wasCut = false;

  /** `reconnect` is called when the visitor asks for a new link. */
  constructor(reconnect: () => void) {
    this.#drop.addEventListener("click", dropSocket);
    this.#close.addEventListener("click", () => void this.#link?.close("closed by the visitor"));
    this.#reconnect.addEventListener("click", () => {
      this.#show("connecting", "");
      reconnect();
    });
  }

  opened({ link, demo }: Session): void {
    this.#link = link;
    this.#wasCut = false;
    this.#previous = { at: 0, in: 0, out: 0 };
    this.#showState(link);
    link.state.subscribe(() => this.#showState(link));
    this.#traffic.open();
    this.#inFlight.opened(link);
    void this.#ping(link, demo);
    requestAnimationFrame((now) => this.#frame(link, now));
  }

  #showState(link: Link): void {
    const state = link.state.current;
    if (state.status === "open") {
      const resent = format.count(link.stats().framesResent);
      const reason = this.#wasCut ? `everything went on; ${resent} frames were sent again` : "";
      this.#show("connected", reason, this.#drop, this.#close);
    }
    if (state.status === "reconnecting") {
      this.#wasCut = true;
      const wait = format.duration(Math.max(0, state.nextAt - Date.now()));
      this.#show("reconnecting", `attempt ${state.attempt}, in ${wait}; everything goes on after that`, this.#close);
    }
  }

  lost(reason: string): void {
    this.#link = undefined;
    this.#show("lost", reason, this.#reconnect);
    this.#traffic.lost();
    this.#inFlight.lost();
    for (const figure of Object.values(this.#figures)) figure.textContent = "–";
  }

  #show(state: "connecting" | "connected" | "reconnecting" | "lost", reason: string, ...buttons: HTMLElement[]): void {
    this.#root.dataset["state"] = state;
    setText(this.#state, state === "lost" ? "link lost" : state);
    setText(this.#reason, reason);
    showOnly([this.#drop, this.#close, this.#reconnect], buttons);
  }

  /** Draws until the link is lost. */
  #frame(link: Link, now: number): void {
    if (this.#link !== link) return;
    this.#traffic.sample(now, link.stats());
    if (now - this.#previous.at >= FIGURES_MS) this.#showFigures(link, now);
    requestAnimationFrame((later) => this.#frame(link, later));
  }

  #showFigures(link: Link, now: number): void {
    const stats = link.stats();
    const { at, in: bytesIn, out: bytesOut } = this.#previous;
    const rate = (bytes: number): string => (at === 0 ? "" : `${format.bytes((bytes / (now - at)) * 1000)}/s`);
    this.#previous = { at: now, in: stats.bytesIn, out: stats.bytesOut };
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
    this.#inFlight.show(link);
  }

  /** Measures the round-trip time until the link is lost. */
  async #ping(link: Link, demo: DemoClient): Promise<void> {
    try {
      while (this.#link === link) {
        const begin = performance.now();
        await demo.ping();
        setText(this.#figures.rtt, format.duration(performance.now() - begin));
        await new Promise((resolve) => setTimeout(resolve, PING_MS));
      }
    } catch {
      // The link was lost; `lost` shows that.
    }
  }
}
