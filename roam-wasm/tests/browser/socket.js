// Pairs of fake WebSockets without a network.

export class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  framesSent = 0;

  constructor(protocol) {
    this.protocol = protocol;
  }

  static pair(protocol) {
    const [one, other] = [new FakeSocket(protocol), new FakeSocket(protocol)];
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  /** Emits the open event, as when the network connects. */
  opened() {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }

  /** Emits a message event, as when a frame arrives. */
  received(data) {
    if (this.readyState !== 1) return;
    this.onmessage?.(new MessageEvent("message", { data }));
  }

  /** Emits an error event with a message, as sockets do in Node, and a close event. */
  failed(message) {
    const event = new Event("error");
    event.message = message;
    this.onerror?.(event);
    this.closed(1006, "");
  }

  /** Emits the close event. */
  closed(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.(new CloseEvent("close", { code, reason }));
  }

  send(data) {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    if (this.readyState !== 1) return;
    this.framesSent += 1;
    const copy = typeof data === "string" ? data : data.slice().buffer;
    later(() => this.peer?.received(copy));
  }

  close(code = 1005, reason = "") {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    later(() => {
      this.peer?.closed(code, reason);
      this.closed(code, reason);
    });
  }

  /** Returns how many event handlers are set. */
  handlers() {
    return [this.onopen, this.onmessage, this.onerror, this.onclose].filter((handler) => typeof handler === "function").length;
  }
}

// Each event is its own task, in order.
const channel = new MessageChannel();
const tasks = [];
channel.port1.onmessage = () => tasks.shift()();

function later(task) {
  tasks.push(task);
  channel.port2.postMessage(undefined);
}

/** Resolves when all pending events, and the events they cause, have been handled. */
export function afterEvents() {
  return new Promise((resolve) => later(() => later(resolve)));
}
