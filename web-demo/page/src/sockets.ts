/** The page's present socket, for visitors who want to see what happens when it is cut. */
let present: WebSocket | undefined;

/** A socket that can be cut. */
export class DemoSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols);
    present = this;
  }
}

/** Cuts the socket, as a network that fails would. The link goes on with another. */
export function dropSocket(): void {
  present?.close();
}
