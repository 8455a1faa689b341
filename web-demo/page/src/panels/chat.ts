import { isErrorOf, type Rx, type Tx } from "@roam-rpc/client";
import type { ChatClient, ChatEvent, JoinError, Member, Membership, Message } from "../gen/chat.js";
import type { Attention } from "../gen/page.js";
import type { Panel, Session } from "../session.js";
import { element, make } from "../view/dom.js";
import { explain } from "../view/explain.js";
import * as format from "../view/format.js";

/** The most lines kept on the page. */
const MAX_LINES = 200;

/** This page's membership of the room. */
interface Seat {
  readonly id: number;
  readonly say: Tx<string>;
  readonly events: Rx<ChatEvent>;
  /** The members of the room, by id. */
  readonly members: Map<number, Member>;
}

/** A chat between all open tabs. */
export class ChatPanel implements Panel {
  readonly #root = element("chat", HTMLElement);
  readonly #body = element("chat-body", HTMLFieldSetElement);
  readonly #joinForm = element("chat-join-form", HTMLFormElement);
  readonly #name = element("chat-name", HTMLInputElement);
  readonly #room = element("chat-room", HTMLElement);
  readonly #members = element("chat-members", HTMLUListElement);
  readonly #log = element("chat-log", HTMLElement);
  readonly #text = element("chat-text", HTMLInputElement);
  readonly #error = element("chat-error", HTMLElement);
  #chat: ChatClient | undefined;
  #seat: Seat | undefined;

  constructor() {
    const onSubmit = (form: HTMLFormElement, submit: () => Promise<void>): void =>
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        void submit();
      });
    onSubmit(this.#joinForm, () => this.#join());
    onSubmit(element("chat-say-form", HTMLFormElement), () => this.#say());
    element("chat-leave", HTMLButtonElement).addEventListener("click", () => this.#leave());
  }

  opened({ chat }: Session): void {
    this.#chat = chat;
    this.#body.disabled = false;
  }

  lost(): void {
    this.#chat = undefined;
    this.#body.disabled = true;
  }

  /** Answers the server's call on behalf of member `by`: is this page in view? */
  nudged(by: string): Attention {
    this.#showNote("called", `${by} nudged you: the server called this page.`);
    return document.visibilityState === "visible" ? "Visible" : "Hidden";
  }

  async #join(): Promise<void> {
    const chat = this.#chat;
    if (chat === undefined) return;
    this.#error.textContent = "";
    try {
      this.#enter(await chat.join(this.#name.value));
    } catch (error) {
      this.#error.textContent = isErrorOf(chat.join, error) ? describe(error.value) : explain(error);
    }
  }

  #enter({ id, members, history, say, events }: Membership): void {
    this.#seat = { id, say, events, members: new Map(members.map((member) => [member.id, member])) };
    this.#show("inside");
    this.#log.replaceChildren();
    for (const message of history) this.#showMessage(message);
    this.#showNote("news", "You came in.");
    this.#showMembers();
    this.#text.focus();
    void this.#listen(this.#seat);
  }

  async #listen(seat: Seat): Promise<void> {
    try {
      for await (const event of seat.events) this.#onEvent(seat, event);
    } catch (error) {
      if (this.#seat === seat) this.#error.textContent = `Disconnected from the room: ${explain(error)}`;
    }
    if (this.#seat === seat) this.#leave();
  }

  #onEvent({ members }: Seat, event: ChatEvent): void {
    switch (event.tag) {
      case "Said":
        return this.#showMessage(event.value);
      case "Joined":
        members.set(event.value.id, event.value);
        this.#showNote("news", `${event.value.name} came in.`);
        return this.#showMembers();
      case "Left":
        members.delete(event.value.id);
        this.#showNote("news", `${event.value.name} left.`);
        return this.#showMembers();
      case "Missed":
        return this.#showNote("news", `This page read too slowly and missed ${format.count(event.value)} events.`);
    }
  }

  async #say(): Promise<void> {
    const text = this.#text.value.trim();
    if (text === "" || this.#seat === undefined) return;
    this.#text.value = "";
    try {
      await this.#seat.say.send(text);
    } catch (error) {
      this.#error.textContent = `Not sent: ${explain(error)}`;
    }
  }

  #leave(): void {
    const seat = this.#seat;
    this.#seat = undefined;
    this.#show("outside");
    // Closing the channel makes the server remove this member from the room.
    void seat?.say.close();
    void seat?.events.return();
  }

  async #nudge({ id, name }: Member): Promise<void> {
    const [chat, seat] = [this.#chat, this.#seat];
    if (chat === undefined || seat === undefined) return;
    const begin = performance.now();
    try {
      const attention = await chat.nudge(seat.id, id);
      const looks = attention === "Visible" ? "in view" : "in the background";
      const took = format.duration(performance.now() - begin);
      this.#showNote("called", `${name}'s page answered in ${took}: it is ${looks}.`);
    } catch (error) {
      if (!isErrorOf(chat.nudge, error)) this.#error.textContent = explain(error);
      else
        this.#showNote(
          "news",
          error.value === "NotHere" ? `${name} has left the room.` : `${name}'s page did not answer.`,
        );
    }
  }

  #show(state: "inside" | "outside"): void {
    this.#root.dataset["state"] = state;
    this.#room.hidden = state === "outside";
    this.#joinForm.hidden = state === "inside";
  }

  #showMembers(): void {
    const own = this.#seat?.id;
    const items = [...(this.#seat?.members.values() ?? [])].map((member) => {
      const button = make("button", member.id === own ? `${member.name} (you)` : member.name, "try");
      button.type = "button";
      button.dataset["testid"] = "chat-member";
      if (member.id === own) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => void this.#nudge(member));
      const item = document.createElement("li");
      item.append(button);
      return item;
    });
    this.#members.replaceChildren(...items);
  }

  #showMessage({ from, text, atMs }: Message): void {
    const whose = from.id === this.#seat?.id ? "own" : "other";
    this.#append(whose, make("b", from.name), make("span", text), make("time", format.clock(atMs)));
  }

  #showNote(kind: "news" | "called", text: string): void {
    this.#append(kind, make("span", text), make("time", format.clock(BigInt(Date.now()))));
  }

  #append(kind: string, ...parts: HTMLElement[]): void {
    const log = this.#log;
    // Do not scroll away from older messages the visitor is reading.
    const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    const line = make("p", "", kind);
    line.dataset["testid"] = `chat-line-${kind}`;
    line.append(...parts);
    log.append(line);
    while (log.childElementCount > MAX_LINES) log.firstElementChild?.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  }
}

function describe(error: JoinError): string {
  switch (error.tag) {
    case "NameEmpty":
      return "Enter a name.";
    case "NameTooLong":
      return `A name has at most ${error.longest} characters.`;
    case "NameTaken":
      return "Somebody in the room has that name already.";
    case "RoomFull":
      return "The room is full.";
  }
}
