import { Canvas, type Colours, prefersReducedMotion } from "./canvas.js";

/** The length of a time slot. */
const SLOT_MS = 100;
const REDUCED_MOTION_SLOT_MS = 1_000;
/** How many slots are shown. */
const SLOTS = 100;
/** The scale is logarithmic, from `EMPTY` to `FULL` bytes per slot. */
const FULL = 8e6;
const EMPTY = 10;

interface Slot {
  out: number;
  in: number;
}

/**
 * Draws the bytes on the link. Each time slot is a bar that moves in the direction of its bytes:
 * to the server, to the right and above the line; to the page, to the left and below it.
 */
export class TrafficView {
  readonly #canvas: Canvas;
  /** The latest slot first. */
  #slots: Slot[] = [];
  /** When the latest slot began. */
  #begun = 0;
  #last: { readonly bytesIn: number; readonly bytesOut: number } | undefined;
  #broken = true;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = new Canvas(canvas, (context, width, height, colours) =>
      this.#paint(context, width, height, colours),
    );
  }

  /** Resets the view for a new link. */
  open(): void {
    this.#slots = [{ in: 0, out: 0 }];
    this.#begun = performance.now();
    this.#last = undefined;
    this.#broken = false;
  }

  /** Shows that the link is lost. */
  lost(): void {
    this.#broken = true;
    this.#canvas.draw();
  }

  /** Adds the link's current byte counts; called several times per second. */
  sample(now: number, stats: { readonly bytesIn: number; readonly bytesOut: number }): void {
    const last = this.#last ?? stats;
    this.#last = { bytesIn: stats.bytesIn, bytesOut: stats.bytesOut };
    const slotMs = prefersReducedMotion() ? REDUCED_MOTION_SLOT_MS : SLOT_MS;
    // Browsers do not draw pages in the background: the slots of that time stay empty.
    const begun = Math.min(SLOTS, Math.floor((now - this.#begun) / slotMs));
    if (begun > 0) {
      this.#begun = begun === SLOTS ? now : this.#begun + begun * slotMs;
      this.#slots.unshift(...Array.from({ length: begun }, () => ({ in: 0, out: 0 })));
      this.#slots.length = Math.min(this.#slots.length, SLOTS + 1);
    }
    const slot = this.#slots[0]!;
    slot.in += stats.bytesIn - last.bytesIn;
    slot.out += stats.bytesOut - last.bytesOut;
    if (!prefersReducedMotion() || begun > 0) this.#canvas.draw();
  }

  #paint(context: CanvasRenderingContext2D, width: number, height: number, colours: Colours): void {
    const middle = Math.round(height / 2);
    context.fillStyle = colours.rule;
    context.fillRect(0, middle - 1, width, 2);
    const step = width / SLOTS;
    const bar = Math.max(1.5, step * 0.62);
    const moved = prefersReducedMotion() ? 0 : Math.min(1, (performance.now() - this.#begun) / SLOT_MS);
    this.#slots.forEach((slot, index) => {
      // Skip the latest slot: it is not complete yet.
      if (index === 0) return;
      const distance = (index - 1 + moved) * step;
      const up = barHeight(slot.out) * (middle - 5);
      const down = barHeight(slot.in) * (middle - 5);
      context.fillStyle = colours.out;
      context.fillRect(distance, middle - 4 - up, bar, up);
      context.fillStyle = colours.in;
      context.fillRect(width - distance - bar, middle + 4, bar, down);
    });
    if (this.#broken) paintBreak(context, width / 2, middle, colours);
  }
}

/** Returns the height of a bar, from 0 to 1. */
function barHeight(bytes: number): number {
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
