import type { Sample } from "../gen/demo.js";
import { Canvas, type Colours, prefersReducedMotion } from "./canvas.js";
import { duration } from "./format.js";

/** The time span of the chart, in milliseconds of the server's clock. */
const SPAN = 10_000;
/** The shortest time between redraws with reduced motion. */
const REDUCED_MOTION_MS = 1_000;
/** Shorter waits of the server are not shown. */
const MIN_WAIT_MS = 100;

interface Point {
  readonly at: number;
  readonly late: number;
  readonly cpu: number;
}

/** A period in which the server waited for the page. */
interface Wait {
  readonly from: number;
  readonly to: number;
}

/** Draws samples: CPU use as an area, and below it the timer delay as bars. */
export class Chart {
  readonly #canvas: Canvas;
  #points: Point[] = [];
  #waits: Wait[] = [];
  #scheduled = false;
  #drawn = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = new Canvas(canvas, (context, width, height, colours) =>
      this.#paint(context, width, height, colours),
    );
  }

  /** Removes all samples. */
  clear(): void {
    this.#points = [];
    this.#waits = [];
    this.#draw();
  }

  add(sample: Sample): void {
    const before = this.#points.at(-1);
    if (before !== undefined && sample.waitedMs >= MIN_WAIT_MS)
      this.#waits.push({ from: before.at, to: sample.atMs });
    this.#points.push({ at: sample.atMs, late: sample.lateUs, cpu: sample.cpu });
    this.#prune(sample.atMs - SPAN);
    if (this.#scheduled || (prefersReducedMotion() && performance.now() - this.#drawn < REDUCED_MOTION_MS)) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#scheduled = false;
    this.#drawn = performance.now();
    this.#canvas.draw();
  }

  /** Removes points older than `before`, but only once they span half the chart: it copies the rest. */
  #prune(before: number): void {
    if ((this.#points[0]?.at ?? before) > before - SPAN / 2) return;
    this.#points = this.#points.filter(({ at }) => at >= before);
    this.#waits = this.#waits.filter(({ to }) => to >= before);
  }

  #paint(context: CanvasRenderingContext2D, width: number, height: number, colours: Colours): void {
    const end = Math.max(this.#points.at(-1)?.at ?? 0, SPAN);
    const x = (at: number): number => ((at - (end - SPAN)) / SPAN) * width;
    const shown = this.#points.filter(({ at }) => at >= end - SPAN);
    const split = Math.round(height * 0.5);
    const columns = inColumns(shown, x, this.#waits);

    const top = {
      y: 0,
      height: split,
      peak: niceAbove(
        100,
        shown.map(({ cpu }) => cpu),
      ),
    };
    const bottom = {
      y: split,
      height: height - split,
      peak: niceAbove(
        500,
        shown.map(({ late }) => late),
      ),
    };
    paintScale(context, width, top, `CPU, up to ${top.peak} %`, colours);
    paintScale(context, width, bottom, `timer delay, up to ${duration(bottom.peak / 1000)}`, colours);
    for (const run of columns) {
      paintArea(context, run, top, colours);
      paintBars(context, run, bottom, colours);
    }
    for (const { from, to } of this.#waits) paintWait(context, x(from), x(to), height, duration(to - from), colours);
  }
}

interface Track {
  readonly y: number;
  readonly height: number;
  /** The value at the top. */
  readonly peak: number;
}

/** The samples of one pixel column. */
interface Column {
  readonly x: number;
  cpu: number;
  late: number;
}

/** Groups points by pixel column, and the columns into runs separated by waits. */
function inColumns(points: readonly Point[], x: (at: number) => number, waits: readonly Wait[]): Column[][] {
  const runs: Column[][] = [[]];
  const ends = waits.map(({ to }) => to);
  for (const { at, late, cpu } of points) {
    if (ends.includes(at)) runs.push([]);
    const run = runs.at(-1)!;
    const [column, last] = [Math.round(x(at)), run.at(-1)];
    if (last?.x !== column) run.push({ x: column, cpu, late });
    else if (late > last.late) last.late = late;
  }
  return runs;
}

/** Returns the smallest 1, 2, 5 or 10 times a power of ten that is at least every value and `least`. */
function niceAbove(least: number, values: readonly number[]): number {
  const peak = values.reduce((peak, value) => Math.max(peak, value), least);
  const power = 10 ** Math.floor(Math.log10(peak));
  return ([1, 2, 5, 10].find((times) => times * power >= peak) ?? 10) * power;
}

const LABEL = 18;

function paintScale(
  context: CanvasRenderingContext2D,
  width: number,
  { y, height }: Track,
  label: string,
  colours: Colours,
): void {
  context.fillStyle = colours.rule;
  context.fillRect(0, y + height - 1, width, 1);
  context.fillStyle = colours.soft;
  context.font = colours.font;
  context.textAlign = "left";
  context.fillText(label, 10, y + LABEL);
}

function level({ y, height, peak }: Track, value: number): number {
  return y + height - 2 - (Math.min(value, peak) / peak) * (height - LABEL - 8);
}

function paintArea(context: CanvasRenderingContext2D, run: readonly Column[], track: Track, colours: Colours): void {
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return;
  const floor = track.y + track.height - 1;
  const line = new Path2D();
  for (const { x, cpu } of run) line.lineTo(x, level(track, cpu));
  const area = new Path2D(line);
  area.lineTo(last.x, floor);
  area.lineTo(first.x, floor);
  context.globalAlpha = 0.22;
  context.fillStyle = colours.in;
  context.fill(area);
  context.globalAlpha = 1;
  context.strokeStyle = colours.in;
  context.lineWidth = 1.75;
  context.lineJoin = "round";
  context.stroke(line);
}

function paintBars(context: CanvasRenderingContext2D, run: readonly Column[], track: Track, colours: Colours): void {
  context.fillStyle = colours.in;
  const floor = track.y + track.height - 1;
  for (const { x, late } of run) {
    const top = level(track, late);
    context.fillRect(x, top, 1, floor - top);
  }
}

function paintWait(
  context: CanvasRenderingContext2D,
  from: number,
  to: number,
  height: number,
  length: string,
  colours: Colours,
): void {
  const width = to - from;
  context.globalAlpha = 0.14;
  context.fillStyle = colours.soft;
  context.fillRect(from, 0, width, height);
  context.globalAlpha = 1;
  context.fillRect(from, 0, 1, height);
  context.fillRect(to - 1, 0, 1, height);
  context.font = colours.font;
  context.textAlign = "center";
  const label = `the server waited ${length}`;
  const [left, right] = [Math.max(from, 0), to];
  const fits = context.measureText(label).width < right - left - 12;
  if (fits) context.fillText(label, (left + right) / 2, height / 2 - 8);
}
