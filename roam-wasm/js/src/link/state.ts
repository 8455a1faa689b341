import type { CloseInfo } from "../wasm.js";

/** What a link is doing. */
export type LinkState =
  /** Frames flow. */
  | { readonly status: "open" }
  /** The socket is lost, and the link goes on with another. Calls and streams wait. */
  | {
      readonly status: "reconnecting";
      /** The number of the next attempt, or of the present one, from 1. */
      readonly attempt: number;
      /** When it begins, as by `Date.now()`. */
      readonly nextAt: number;
    }
  /** The link has ended, and everything on it. */
  | { readonly status: "closed"; readonly info: CloseInfo };

/** A value that changes. Fits React's `useSyncExternalStore`. */
export interface Store<T> {
  /** The present value; the same object until it changes. */
  readonly current: T;
  /** Calls `listener` after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** The store of a link's state. */
export class StateStore implements Store<LinkState> {
  readonly #listeners = new Set<() => void>();
  #current: LinkState = { status: "open" };

  get current(): LinkState {
    return this.#current;
  }

  set(state: LinkState): void {
    this.#current = state;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // The other listeners learn of it nevertheless.
        void Promise.reject(error);
      }
    }
  }

  subscribe(listener: () => void): () => void {
    // The same function may subscribe twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}
