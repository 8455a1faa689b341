// What TypeScript is to wasm: it is told events, and keeps them.

export class Face {
  #told = [];
  #waiting = [];

  #tell(event) {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#told.push(event);
    else waiting(event);
  }

  /** The next event, when it comes. */
  next() {
    const event = this.#told.shift();
    return event === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(event);
  }

  /** How many events have not been asked for. */
  get unasked() {
    return this.#told.length;
  }

  response(id, payload, metadata, ends) {
    this.#tell({ kind: "response", id, payload: payload.slice(), metadata: metadata.slice(), ends });
  }

  failed(id, failure) {
    this.#tell({ kind: "failed", id, failure });
  }

  request(id, method, payload, metadata, ends) {
    this.#tell({ kind: "request", id, method, payload: payload.slice(), metadata: metadata.slice(), ends });
  }

  cancelled(id) {
    this.#tell({ kind: "cancelled", id });
  }

  closed(info) {
    this.#tell({ kind: "closed", failure: info });
  }
}

/** Throws at each event. */
export class ThrowingFace extends Face {
  response(...event) {
    super.response(...event);
    throw new Error("a bug in the face");
  }
}
