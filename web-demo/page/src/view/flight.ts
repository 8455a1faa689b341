import type { CallInFlight, ChannelInFlight, Link, LinkDiagnostics } from "@roam-rpc/client";
import { element, make, setText } from "./dom.js";
import * as format from "./format.js";

/** The most rows to show; more would not be readable. */
const MAX_ROWS = 50;

/** The label and the colour class of a row, by its direction. */
const DIRECTIONS = {
  calls: { out: ["→ call", "out"], in: ["← call", "in"] },
  channels: { send: ["→ stream", "out"], receive: ["← stream", "in"], unbound: ["stream", ""] },
} as const;

const STATES: Readonly<Record<CallInFlight["state"] | ChannelInFlight["state"], string>> = {
  waiting: "waiting for a response",
  answered: "response queued",
  stopping: "cancelled, still running",
  open: "open",
  awaited: "waiting to send or receive",
  closed: "closed, not fully read",
  reset: "reset, still held",
  "call-ended": "its call has ended",
  "link-ended": "link ended",
};

/** The cells of a row, and the class of the first cell. */
interface Row {
  readonly className: string;
  readonly cells: readonly string[];
}

/** The table of calls and channels in flight. */
export class InFlightTable {
  readonly #details = element("flight", HTMLDetailsElement);
  readonly #rows = element("flight-rows", HTMLTableSectionElement);
  readonly #rest = element("flight-rest", HTMLElement);

  /** Requests diagnostics once, so that the ages of later calls and channels are known. */
  opened(link: Link): void {
    link.diagnostics();
  }

  lost(): void {
    this.#write([]);
    setText(this.#rest, "");
  }

  /** Shows what is in flight. Requests nothing while the table is collapsed. */
  show(link: Link): void {
    if (!this.#details.open) return;
    const diagnostics = link.diagnostics();
    const all = [...diagnostics.calls.map(callRow), ...diagnostics.channels.map(channelRow)];
    this.#write(all.slice(0, MAX_ROWS));
    setText(this.#rest, summary(diagnostics, all.length - MAX_ROWS));
  }

  /** Updates only the texts that changed: the visitor may be reading or selecting the others. */
  #write(rows: readonly Row[]): void {
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach(({ className, cells }, at) => {
      const row = this.#rows.rows[at] ?? emptyRow(this.#rows.insertRow(), cells.length);
      row.cells[0]!.className = className;
      cells.forEach((text, column) => setText(row.cells[column]!, text));
    });
  }
}

/** The columns of figures. */
const FIGURES = [2, 3, 4];

function emptyRow(row: HTMLTableRowElement, cells: number): HTMLTableRowElement {
  for (let column = 0; column < cells; column += 1)
    row.append(make("td", "", FIGURES.includes(column) ? "figure" : ""));
  return row;
}

function callRow({ direction, method, ageMs, state }: CallInFlight): Row {
  const [label, className] = DIRECTIONS.calls[direction];
  const text = direction === "in" && state === "waiting" ? "handler running" : STATES[state];
  return { className, cells: [label, method, age(ageMs), "", "", text] };
}

function channelRow({ direction, method, ageMs, credit, queued, state }: ChannelInFlight): Row {
  const [label, className] = DIRECTIONS.channels[direction];
  const cells = [label, method ?? "–", age(ageMs), format.bytes(credit), format.bytes(queued), STATES[state]];
  return { className, cells };
}

function age(ms: number | undefined): string {
  return ms === undefined ? "–" : format.duration(ms);
}

function summary({ queuedBytes, queuedFrames, receiveBudget }: LinkDiagnostics, more: number): string {
  const queued = `${format.bytes(queuedBytes)} in ${format.count(queuedFrames)} frames wait for the socket`;
  const budget = `${format.bytes(receiveBudget)} of the receive budget are free`;
  return `${more > 0 ? `And ${format.count(more)} more. ` : ""}${queued}; ${budget}.`;
}
