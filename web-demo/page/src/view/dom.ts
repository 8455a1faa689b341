/** The element with this id, which index.html has. */
export function element<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return found;
}

/** Shows exactly those of `all` that are in `shown`. */
export function showOnly(all: readonly HTMLElement[], shown: readonly HTMLElement[]): void {
  for (const each of all) each.hidden = !shown.includes(each);
}

/** Sets a text, unless it is there already: screen readers would read it out again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** A new element with a text. */
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
