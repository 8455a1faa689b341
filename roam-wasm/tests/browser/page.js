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

  // Not recorded, as `open` waits for it.
  ready(link, maxPayload, maxElement) {
    this.link = link;
    this.maxPayload = maxPayload;
    this.maxElement = maxElement;
  }

  response(connection, id, outcome, body, channels) {
    this.#record({ kind: "response", connection, id, outcome, payload: body.slice(), channels });
  }

  failed(connection, id, failure) {
    this.#record({ kind: "failed", connection, id, failure });
  }

  request(connection, request, method, payload, metadata, channels) {
    const id = Number(request);
    this.#record({ kind: "request", connection, id, method, payload: payload.slice(), metadata: metadata.slice(), channels });
  }

  cancelled(connection, request) {
    this.#record({ kind: "cancelled", connection, id: Number(request) });
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
