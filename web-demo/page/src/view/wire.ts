import { Canvas, type Colours, wantsCalm } from "./canvas.js";

/** How long a slot of time is, and how many there are on the wire. */
const SLOT_MS = 100;
const CALM_SLOT_MS = 1_000;
const SLOTS = 100;
/** As many bytes in a slot reach to the edge; the scale is logarithmic. */
const FULL = 8e6;
const EMPTY = 10;

interface Slot {
  out: number;
  in: number;
}

/**
 * The bytes on the link: each slot of time is a bar that travels the way its bytes did, those for
 * the server to the right above the wire, those for the page to the left below it.
 */
export class Wire {
  readonly #canvas: Canvas;
  /** The latest slot first. */
  #slots: Slot[] = [];
  #begun = 0;
  #last: { readonly bytesIn: number; readonly bytesOut: number } | undefined;
  #broken = true;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = new Canvas(canvas, (context, width, height, colours) =>
      this.#paint(context, width, height, colours),
    );
  }

  /** A new link: nothing is on the wire. */
  open(): void {
    this.#slots = [{ in: 0, out: 0 }];
    this.#begun = performance.now();
    this.#last = undefined;
    this.#broken = false;
  }

  /** The link is lost. */
  cut(): void {
    this.#broken = true;
    this.#canvas.draw();
  }

  /** Takes the link's figures as of now, some times a second. */
  sample(now: number, stats: { readonly bytesIn: number; readonly bytesOut: number }): void {
    const last = this.#last ?? stats;
    this.#last = { bytesIn: stats.bytesIn, bytesOut: stats.bytesOut };
    const slotMs = wantsCalm() ? CALM_SLOT_MS : SLOT_MS;
    // A page in the background is not asked to draw for long: then slots stay empty.
    const begun = Math.min(SLOTS, Math.floor((now - this.#begun) / slotMs));
    if (begun > 0) {
      this.#begun = begun === SLOTS ? now : this.#begun + begun * slotMs;
      this.#slots.unshift(...Array.from({ length: begun }, () => ({ in: 0, out: 0 })));
      this.#slots.length = Math.min(this.#slots.length, SLOTS + 1);
    }
    const slot = this.#slots[0]!;
    slot.in += stats.bytesIn - last.bytesIn;
    slot.out += stats.bytesOut - last.bytesOut;
    if (!wantsCalm() || begun > 0) this.#canvas.draw();
  }

  #paint(context: CanvasRenderingContext2D, width: number, height: number, colours: Colours): void {
    const middle = Math.round(height / 2);
    context.fillStyle = colours.rule;
    context.fillRect(0, middle - 1, width, 2);
    const step = width / SLOTS;
    const bar = Math.max(1.5, step * 0.62);
    const moved = wantsCalm() ? 0 : Math.min(1, (performance.now() - this.#begun) / SLOT_MS);
    this.#slots.forEach((slot, index) => {
      // A slot is drawn when it is complete; it comes in at one end and leaves at the other.
      if (index === 0) return;
      const way = (index - 1 + moved) * step;
      const up = reach(slot.out) * (middle - 5);
      const down = reach(slot.in) * (middle - 5);
      context.fillStyle = colours.out;
      context.fillRect(way, middle - 4 - up, bar, up);
      context.fillStyle = colours.in;
      context.fillRect(width - way - bar, middle + 4, bar, down);
    });
    if (this.#broken) paintBreak(context, width / 2, middle, colours);
  }
}

/** How far a bar reaches, of 1. */
function reach(bytes: number): number {
  if (bytes <= 0) return 0;
  return Math.min(1, 0.06 + Math.log(Math.max(1, bytes / EMPTY)) / Math.log(FULL / EMPTY));
}

function paintBreak(context: CanvasRenderingContext2D, x: number, y: number, colours: Colours): void {
  context.clearRect(x - 22, y - 30, 44, 60);
  context.strokeStyle = colours.bad;
  context.lineWidth = 3;
  context.lineCap = "round";
  context.beginPath();
  for (const side of [-1, 1]) {
    context.moveTo(x + side * 14 - 5, y + 12);
    context.lineTo(x + side * 14 + 5, y - 12);
  }
  context.stroke();
}
