import { connect, type Link } from "roam-client";
import { Chat, type ChatClient } from "./gen/chat.js";
import { Demo, type DemoClient } from "./gen/demo.js";
import { Page, type PageHandler } from "./gen/page.js";
import { explain } from "./view/explain.js";

/** The window of every channel. Small, and stays so, so that a paused stream fills it within seconds. */
const WINDOW = 128 * 1024;

/** What panels use of an open link. */
export interface Session {
  readonly link: Link;
  readonly demo: DemoClient;
  readonly chat: ChatClient;
}

/** A part of the page that works while there is a link. */
export interface Panel {
  /** There is a link. */
  opened(session: Session): void;
  /** There is none any more. */
  lost(reason: string): void;
}

/** Keeps the panels and the link together. */
export class Connection {
  readonly #panels: readonly Panel[];
  readonly #page: PageHandler;

  /** `page` answers what the server calls. */
  constructor(panels: readonly Panel[], page: PageHandler) {
    this.#panels = panels;
    this.#page = page;
  }

  /** Connects, tells all panels, and tells them again when the link is over. Never rejects. */
  async open(): Promise<void> {
    let link: Link;
    try {
      link = await connect("/rpc", { initialChannelCredit: WINDOW, channelWindow: WINDOW });
    } catch (error) {
      return this.#lost(explain(error));
    }
    link.serve(Page, this.#page);
    const session: Session = { link, demo: link.client(Demo), chat: link.client(Chat) };
    // For visitors who try things in the console.
    window.roam = session;
    for (const panel of this.#panels) panel.opened(session);
    const { kind, reason } = await link.closed;
    this.#lost(reason || WORDS[kind]);
  }

  #lost(reason: string): void {
    for (const panel of this.#panels) panel.lost(reason);
  }
}

const WORDS = {
  local: "cut here",
  goodbye: "the server said goodbye",
  violation: "one side broke the protocol",
  transport: "the server cannot be reached",
  timeout: "the server did not answer in time",
};

declare global {
  interface Window {
    /** The open link and its clients. */
    roam?: Session;
  }
}
