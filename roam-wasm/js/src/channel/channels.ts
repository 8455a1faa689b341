import type { Codec } from "../codec/codec.js";
import { unexpected, ValueError } from "../codec/error.js";
import type { ChannelDecoder } from "../codec/reader.js";
import type { ChannelEncoder } from "../codec/writer.js";
import { type Channels, KEEP_RECEIVER, KEEP_SENDER } from "../wasm.js";
import type { CallChannels } from "./call-channels.js";
import { LocalChannel } from "./local.js";
import { isStreamable } from "./pipe.js";
import { Rx } from "./rx.js";
import { Tx } from "./tx.js";

/** The `keep` bytes of a payload without channels. */
export const NO_CHANNELS = new Uint8Array();

/** A channel half in a value that is being sent. */
interface Outgoing {
  /** The local channel that the half belongs to; `undefined` if values are piped instead. */
  readonly local: LocalChannel | undefined;
  readonly keep: typeof KEEP_SENDER | typeof KEEP_RECEIVER;
  /** Connects the half that we keep, `halves[index]`, to its user. */
  readonly connect: (halves: Channels, index: number, channels: CallChannels) => void;
}

/** Collects the channel halves in a value while it is encoded. It leaves them unchanged until {@link connect}. */
export class OutgoingChannels implements ChannelEncoder {
  readonly #outgoing: Outgoing[] = [];

  /** For each channel, which half we keep. */
  get keep(): Uint8Array {
    return this.#outgoing.length === 0 ? NO_CHANNELS : Uint8Array.from(this.#outgoing, ({ keep }) => keep);
  }

  /** Adds a sender for the peer; we keep the receiver. */
  tx(value: unknown, element: Codec): void {
    if (!(value instanceof Tx)) throw unexpected("a Tx", value);
    const sink = Tx.sinkOf(value);
    const local = sink instanceof LocalChannel ? this.#claim(sink, "tx") : undefined;
    this.#outgoing.push({
      local,
      keep: KEEP_RECEIVER,
      connect(halves, index, channels) {
        const source = channels.addSource(halves.receiver(index), element);
        if (local === undefined) channels.pipeFrom(new Rx(source), sink);
        else Rx.connect(local.rx, local, source);
      },
    });
  }

  /** Adds a receiver for the peer; we keep the sender. */
  rx(value: unknown, element: Codec): void {
    const source = value instanceof Rx ? Rx.sourceOf(value) : undefined;
    const local = source instanceof LocalChannel ? this.#claim(source, "rx") : undefined;
    if (!isStreamable(value)) throw unexpected("an Rx or an iterable", value);
    this.#outgoing.push({
      local,
      keep: KEEP_SENDER,
      connect(halves, index, channels) {
        const sink = channels.addSink(halves.sender(index), element);
        if (local === undefined) channels.pipeFrom(value, sink);
        else Tx.connect(local.tx, local, sink);
      },
    });
  }

  /** Connects the halves that we keep, once the value was sent. */
  connect(halves: Channels | undefined, channels: CallChannels): void {
    if (halves !== undefined) this.#outgoing.forEach((each, index) => each.connect(halves, index, channels));
  }

  /** Resets the channels of a value that nobody needs any more. */
  abort(reason: unknown): void {
    for (const { local } of this.#outgoing) local?.abort(reason);
  }

  #claim(local: LocalChannel, half: "tx" | "rx"): LocalChannel {
    if (this.#outgoing.some((other) => other.local === local)) throw new ValueError("this channel is sent twice");
    if (!local.canSend(half)) throw new ValueError("this channel has ended or was already sent");
    return local;
  }
}

/** Hands out the channel halves that came with a value while it is decoded. */
export class IncomingChannels implements ChannelDecoder {
  readonly #halves: Channels | undefined;
  readonly #channels: CallChannels;
  #taken = 0;

  constructor(halves: Channels | undefined, channels: CallChannels) {
    this.#halves = halves;
    this.#channels = channels;
  }

  tx(element: Codec): Tx<unknown> {
    const index = this.#take();
    return new Tx(this.#channels.addSink(this.#halves!.sender(index), element));
  }

  rx(element: Codec): Rx<unknown> {
    const index = this.#take();
    return new Rx(this.#channels.addSource(this.#halves!.receiver(index), element));
  }

  /** Throws if channels are left that the value does not mention. */
  finish(): void {
    const count = this.#halves?.length ?? 0;
    if (this.#taken !== count) throw new ValueError(`received ${count} channels, but the value has ${this.#taken}`);
  }

  #take(): number {
    const count = this.#halves?.length ?? 0;
    if (this.#taken === count) throw new ValueError(`the value has more channels than the ${count} received`);
    return this.#taken++;
  }
}
