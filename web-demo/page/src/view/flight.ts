import type { CallInFlight, ChannelInFlight, Link, LinkDiagnostics } from "roam-client";
import { element, make, setText } from "./dom.js";
import * as format from "./format.js";

/** More rows would help nobody. */
const MAX_ROWS = 50;

/** Which way a row goes, in words and in colour. */
const WAYS = {
  calls: { out: ["→ call", "out"], in: ["← call", "in"] },
  channels: { send: ["→ stream", "out"], receive: ["← stream", "in"], unbound: ["stream", ""] },
} as const;

const STATES: Readonly<Record<CallInFlight["state"] | ChannelInFlight["state"], string>> = {
  waiting: "waits for the answer",
  answered: "the answer waits to be sent",
  stopping: "cancelled, still running",
  open: "open",
  awaited: "someone waits for it",
  closed: "closed, not read to its end",
  reset: "cut, still held",
  "call-over": "its call is over",
  "link-over": "the link is lost",
};

/** The cells of a row, and the class of the first. */
interface Row {
  readonly way: string;
  readonly cells: readonly string[];
}

/** The table of what is in flight. */
export class Flight {
  readonly #details = element("flight", HTMLDetailsElement);
  readonly #rows = element("flight-rows", HTMLTableSectionElement);
  readonly #rest = element("flight-rest", HTMLElement);

  /** Asks once, so that the ages of all that follows are known. */
  opened(link: Link): void {
    link.diagnostics();
  }

  lost(): void {
    this.#write([]);
    setText(this.#rest, "");
  }

  /** Shows what is in flight now; asks for nothing while nobody looks. */
  show(link: Link): void {
    if (!this.#details.open) return;
    const seen = link.diagnostics();
    const all = [...seen.calls.map(callRow), ...seen.channels.map(channelRow)];
    this.#write(all.slice(0, MAX_ROWS));
    setText(this.#rest, rest(seen, all.length - MAX_ROWS));
  }

  /** Changes the texts that have changed, and no more: a visitor may be reading or selecting. */
  #write(rows: readonly Row[]): void {
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach(({ way, cells }, at) => {
      const row = this.#rows.rows[at] ?? emptyRow(this.#rows.insertRow(), cells.length);
      row.cells[0]!.className = way;
      cells.forEach((text, column) => setText(row.cells[column]!, text));
    });
  }
}

const FIGURES = [2, 3, 4];

function emptyRow(row: HTMLTableRowElement, cells: number): HTMLTableRowElement {
  for (let column = 0; column < cells; column += 1)
    row.append(make("td", "", FIGURES.includes(column) ? "figure" : ""));
  return row;
}

function callRow({ direction, method, ageMs, state }: CallInFlight): Row {
  const [words, way] = WAYS.calls[direction];
  const running = direction === "in" && state === "waiting" ? "its handler runs" : STATES[state];
  return { way, cells: [words, method, age(ageMs), "", "", running] };
}

function channelRow({ direction, method, ageMs, credit, queued, state }: ChannelInFlight): Row {
  const [words, way] = WAYS.channels[direction];
  const cells = [words, method ?? "–", age(ageMs), format.bytes(credit), format.bytes(queued), STATES[state]];
  return { way, cells };
}

function age(ms: number | undefined): string {
  return ms === undefined ? "–" : format.duration(ms);
}

function rest({ queuedBytes, queuedFrames, receiveBudget }: LinkDiagnostics, more: number): string {
  const waits = `${format.bytes(queuedBytes)} in ${format.count(queuedFrames)} frames wait for the socket`;
  const left = `streams may still take ${format.bytes(receiveBudget)} of memory here`;
  return `${more > 0 ? `And ${format.count(more)} more. ` : ""}${waits}; ${left}.`;
}
