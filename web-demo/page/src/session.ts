import { connect, type Link } from "@roam-rpc/client";
import { Chat, type ChatClient } from "./gen/chat.js";
import { Demo, type DemoClient } from "./gen/demo.js";
import { Page, type PageHandler } from "./gen/page.js";
import { DemoSocket } from "./sockets.js";
import { explain } from "./view/explain.js";

/** The fixed window of every channel: small, so that a paused stream fills it within seconds. */
const WINDOW = 128 * 1024;

/** An open link and its clients. */
export interface Session {
  readonly link: Link;
  readonly demo: DemoClient;
  readonly chat: ChatClient;
}

/** A part of the page that works while a link is open. */
export interface Panel {
  /** Called when a link has been opened. */
  opened(session: Session): void;
  /** Called when the link is lost or cannot be opened. */
  lost(reason: string): void;
}

/** Opens links and tells the panels when they open and are lost. */
export class LinkManager {
  readonly #panels: readonly Panel[];
  readonly #page: PageHandler;

  /** `page` answers the server's calls. */
  constructor(panels: readonly Panel[], page: PageHandler) {
    this.#panels = panels;
    this.#page = page;
  }

  /** Opens a link and waits until it is lost. Tells the panels of both. Never rejects. */
  async open(): Promise<void> {
    let link: Link;
    try {
      link = await connect("/rpc", {
        serve: [[Page, this.#page]],
        WebSocket: DemoSocket,
        initialChannelCredit: WINDOW,
        channelWindow: WINDOW,
      });
    } catch (error) {
      return this.#lost(explain(error));
    }
    const session: Session = { link, demo: link.client(Demo), chat: link.client(Chat) };
    // For visitors who experiment in the console.
    window.roam = session;
    for (const panel of this.#panels) panel.opened(session);
    const { kind, reason } = await link.closed;
    this.#lost(reason || REASONS[kind]);
  }

  #lost(reason: string): void {
    for (const panel of this.#panels) panel.lost(reason);
  }
}

/** Texts for links that ended without a reason. */
const REASONS = {
  local: "closed by this page",
  goodbye: "closed by the server",
  violation: "protocol violation",
  transport: "the connection to the server was lost",
  timeout: "the server did not answer in time",
};

declare global {
  interface Window {
    /** The open link and its clients. */
    roam?: Session;
  }
}
