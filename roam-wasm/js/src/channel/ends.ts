import type { Codec } from "../codec/codec.js";
import { unexpected, ValueError } from "../codec/error.js";
import type { EndGiver } from "../codec/reader.js";
import type { EndTaker } from "../codec/writer.js";
import { type Ends, KEEP_RECEIVER, KEEP_SENDER } from "../wasm.js";
import type { CallChannels } from "./call-channels.js";
import { LocalChannel } from "./local.js";
import { isSource } from "./pump.js";
import { Rx } from "./rx.js";
import { Tx } from "./tx.js";

/** For a payload without channel ends. */
export const NO_ENDS = new Uint8Array();

/** Gives the half that we keep to whom it belongs. */
interface Outgoing {
  /** The channel of which an end is sent, unless it is sent by a pump. */
  readonly local: LocalChannel | undefined;
  readonly keep: typeof KEEP_SENDER | typeof KEEP_RECEIVER;
  readonly connect: (ends: Ends, index: number, channels: CallChannels) => void;
}

/** Collects the channel ends of a value while it is encoded. Nothing happens to them before {@link connect}. */
export class OutgoingEnds implements EndTaker {
  readonly #ends: Outgoing[] = [];

  /** For each end, which half we keep. */
  get keep(): Uint8Array {
    return this.#ends.length === 0 ? NO_ENDS : Uint8Array.from(this.#ends, (end) => end.keep);
  }

  /** The peer gets a sending end: we keep the receiving one. */
  tx(value: unknown, element: Codec): void {
    if (!(value instanceof Tx)) throw unexpected("a Tx", value);
    const inlet = Tx.inletOf(value);
    const local = inlet instanceof LocalChannel ? this.#claim(inlet, "tx") : undefined;
    this.#ends.push({
      local,
      keep: KEEP_RECEIVER,
      connect(ends, index, channels) {
        const outlet = channels.outlet(ends.receiver(index), element);
        if (local === undefined) channels.pump(new Rx(outlet), inlet);
        else Rx.connect(local.rx, local, outlet);
      },
    });
  }

  /** The peer gets a receiving end: we keep the sending one. */
  rx(value: unknown, element: Codec): void {
    const outlet = value instanceof Rx ? Rx.outletOf(value) : undefined;
    const local = outlet instanceof LocalChannel ? this.#claim(outlet, "rx") : undefined;
    if (!isSource(value)) throw unexpected("an Rx or something to iterate", value);
    this.#ends.push({
      local,
      keep: KEEP_SENDER,
      connect(ends, index, channels) {
        const inlet = channels.inlet(ends.sender(index), element);
        if (local === undefined) channels.pump(value, inlet);
        else Tx.connect(local.tx, local, inlet);
      },
    });
  }

  /** The value has been sent. */
  connect(ends: Ends | undefined, channels: CallChannels): void {
    if (ends !== undefined) this.#ends.forEach((end, index) => end.connect(ends, index, channels));
  }

  /** Nobody wants the value any more: its channels are over. */
  abandon(reason: unknown): void {
    for (const { local } of this.#ends) local?.abort(reason);
  }

  #claim(local: LocalChannel, end: "tx" | "rx"): LocalChannel {
    if (this.#ends.some((other) => other.local === local)) throw new ValueError("this channel is sent twice");
    if (!local.canSend(end)) throw new ValueError("this channel is over, or was sent before");
    return local;
  }
}

/** Hands out the channel ends that came with a value while it is decoded. */
export class IncomingEnds implements EndGiver {
  readonly #ends: Ends | undefined;
  readonly #channels: CallChannels;
  #taken = 0;

  constructor(ends: Ends | undefined, channels: CallChannels) {
    this.#ends = ends;
    this.#channels = channels;
  }

  tx(element: Codec): Tx<unknown> {
    const index = this.#take();
    return new Tx(this.#channels.inlet(this.#ends!.sender(index), element));
  }

  rx(element: Codec): Rx<unknown> {
    const index = this.#take();
    return new Rx(this.#channels.outlet(this.#ends!.receiver(index), element));
  }

  /** Refuses ends that are left. */
  finish(): void {
    const count = this.#ends?.length ?? 0;
    if (this.#taken !== count) throw new ValueError(`${count} channels came, ${this.#taken} stand in the value`);
  }

  #take(): number {
    const count = this.#ends?.length ?? 0;
    if (this.#taken === count) throw new ValueError(`more channels stand in the value than the ${count} that came`);
    return this.#taken++;
  }
}
