/** The current colours and font, from CSS. */
export interface Colours {
  readonly in: string;
  readonly out: string;
  readonly bad: string;
  readonly ink: string;
  readonly soft: string;
  readonly rule: string;
  readonly font: string;
}

/** Draws on a canvas, in CSS pixels. */
export type Paint = (context: CanvasRenderingContext2D, width: number, height: number, colours: Colours) => void;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Returns whether the visitor prefers reduced motion. */
export function prefersReducedMotion(): boolean {
  return reducedMotion.matches;
}

/** A canvas that stays sharp on every screen and adapts to its size and the colour scheme. */
export class Canvas {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #paint: Paint;
  #colours: Colours | undefined;
  #visible = true;

  constructor(canvas: HTMLCanvasElement, paint: Paint) {
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser does not support canvas drawing");
    this.#canvas = canvas;
    this.#context = context;
    this.#paint = paint;
    new ResizeObserver(() => this.draw()).observe(canvas);
    new IntersectionObserver((entries) => {
      this.#visible = entries.some((entry) => entry.isIntersecting);
      this.draw();
    }).observe(canvas);
    dark.addEventListener("change", () => {
      this.#colours = undefined;
      this.draw();
    });
  }

  /** Redraws the canvas, unless it is out of view. */
  draw(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    if (!this.#visible || clientWidth === 0) return;
    const scale = devicePixelRatio;
    const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.clearRect(0, 0, clientWidth, clientHeight);
    this.#colours ??= readColours(this.#canvas);
    this.#paint(this.#context, clientWidth, clientHeight, this.#colours);
  }
}

function readColours(canvas: HTMLCanvasElement): Colours {
  const style = getComputedStyle(canvas);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    in: token("--in"),
    out: token("--out"),
    bad: token("--bad"),
    ink: token("--ink"),
    soft: token("--soft"),
    rule: token("--rule"),
    font: `12px ${token("--text")}`,
  };
}
