import { isErrorOf } from "@roam-rpc/client";
import type { DemoClient, MathError, Operator } from "../gen/demo.js";
import type { Panel, Session } from "../session.js";
import { element } from "../view/dom.js";
import { explain } from "../view/explain.js";
import * as format from "../view/format.js";

const MANY = 200;
const MAX_I64 = "9223372036854775807";
const TOO_LARGE = "18446744073709551616";

/** Makes calls, and shows their result or typed error. */
export class CallPanel implements Panel {
  readonly #body = element("call-body", HTMLFieldSetElement);
  readonly #form = element("call-form", HTMLFormElement);
  readonly #left = element("call-left", HTMLInputElement);
  readonly #operator = element("call-operator", HTMLSelectElement);
  readonly #right = element("call-right", HTMLInputElement);
  readonly #answer = element("call-answer", HTMLOutputElement);
  readonly #value = element("call-value", HTMLElement);
  readonly #note = element("call-note", HTMLElement);
  readonly #manyAnswer = element("call-many-answer", HTMLOutputElement);
  #demo: DemoClient | undefined;

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#call();
    });
    this.#addExample("call-try-zero", "1", "Divide", "0");
    this.#addExample("call-try-overflow", MAX_I64, "Multiply", MAX_I64);
    this.#addExample("call-try-range", TOO_LARGE, "Add", "1");
    element("call-many", HTMLButtonElement).addEventListener("click", () => void this.#callMany());
  }

  opened({ demo }: Session): void {
    this.#demo = demo;
    this.#body.disabled = false;
  }

  lost(): void {
    this.#demo = undefined;
    this.#body.disabled = true;
  }

  /** Makes a button fill in the form and submit it. */
  #addExample(id: string, left: string, operator: Operator, right: string): void {
    element(id, HTMLButtonElement).addEventListener("click", () => {
      this.#left.value = left;
      this.#operator.value = operator;
      this.#right.value = right;
      this.#form.requestSubmit();
    });
  }

  async #call(): Promise<void> {
    const demo = this.#demo;
    if (demo === undefined) return;
    const [left, right] = [parse(this.#left.value), parse(this.#right.value)];
    if (left === undefined || right === undefined) {
      return this.#show("error", "Not a whole number", "Use digits only, with an optional sign.");
    }
    const begin = performance.now();
    try {
      const result = await demo.calculate(left, this.#operator.value as Operator, right);
      this.#show("value", String(result), `answered in ${format.duration(performance.now() - begin)}`);
    } catch (error) {
      if (isErrorOf(demo.calculate, error)) this.#show("error", error.value.tag, describe(error.value));
      else this.#show("error", "Call failed", explain(error));
    }
  }

  async #callMany(): Promise<void> {
    const demo = this.#demo;
    if (demo === undefined) return;
    const begin = performance.now();
    try {
      await Promise.all(Array.from({ length: MANY }, (_, index) => demo.calculate(index, "Multiply", index)));
      this.#manyAnswer.value = `all answered in ${format.duration(performance.now() - begin)}`;
    } catch (error) {
      this.#manyAnswer.value = explain(error);
    }
  }

  #show(kind: "value" | "error", value: string, note: string): void {
    this.#answer.dataset["kind"] = kind;
    this.#value.textContent = value;
    this.#note.textContent = note;
  }
}

function describe(error: MathError): string {
  switch (error.tag) {
    case "DivisionByZero":
      return "The method returned Err(MathError::DivisionByZero).";
    case "Overflow":
      return `The method returned Err(MathError::Overflow { exact: ${error.exact} }).`;
  }
}

function parse(text: string): bigint | undefined {
  const digits = text.trim().replace("−", "-");
  return /^[+-]?\d+$/.test(digits) ? BigInt(digits.replace("+", "")) : undefined;
}
