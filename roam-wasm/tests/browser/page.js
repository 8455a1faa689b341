// Stands in for the TypeScript layer: records the events.

export class Page {
  #events = [];
  #waiting = [];

  #record(event) {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#events.push(event);
    else waiting(event);
  }

  /** Resolves with the next event. */
  next() {
    const event = this.#events.shift();
    return event === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(event);
  }

  /** The number of events that were not read. */
  get unread() {
    return this.#events.length;
  }

  response(id, outcome, body, metadata, channels) {
    this.#record({ kind: "response", id, outcome, payload: body.slice(), metadata: metadata.slice(), channels });
  }

  failed(id, failure) {
    this.#record({ kind: "failed", id, failure });
  }

  request(id, method, payload, metadata, channels) {
    this.#record({ kind: "request", id, method, payload: payload.slice(), metadata: metadata.slice(), channels });
  }

  cancelled(id) {
    this.#record({ kind: "cancelled", id });
  }

  closed(info) {
    this.#record({ kind: "closed", failure: info });
  }
}

/** Throws on each response. */
export class ThrowingPage extends Page {
  response(...event) {
    super.response(...event);
    throw new Error("a bug in the page");
  }
}
