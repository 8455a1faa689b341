/** Returns the element of index.html with this id. */
export function element<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return found;
}

/** Shows the elements of `all` that are in `shown` and hides the others. */
export function showOnly(all: readonly HTMLElement[], shown: readonly HTMLElement[]): void {
  for (const each of all) each.hidden = !shown.includes(each);
}

/** Sets the text only if it changed: screen readers would read it out again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Creates an element with a text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string,
  className = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}
