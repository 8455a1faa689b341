import type { Codec } from "../codec/codec.js";
import { unexpected, ValueError } from "../codec/error.js";
import { type ChannelDecoder, Reader } from "../codec/reader.js";
import { type ChannelEncoder, withWriter, type Writer } from "../codec/writer.js";
import { type Bytes, type Channels, KEEP_RECEIVER, KEEP_SENDER } from "../wasm.js";
import type { CallChannels } from "./call-channels.js";
import { type RemoteEnd, unwatchHalf, watchHalf } from "./endpoint.js";
import { LocalChannel } from "./local.js";
import { isStreamable } from "./pipe.js";
import { Rx } from "./rx.js";
import { Tx } from "./tx.js";

/** A channel half in a value that is being sent. */
interface Outgoing {
  /** The local channel that the half belongs to; `undefined` if values are piped instead. */
  readonly local: LocalChannel | undefined;
  readonly keep: typeof KEEP_SENDER | typeof KEEP_RECEIVER;
  /** The index of the byte that the channel's id replaces. */
  readonly place: number;
  /** Connects the half that we keep, `halves[index]`, to its user. */
  readonly connect: (halves: Channels, index: number, channels: CallChannels) => void;
}

/** Collects the channel halves in a value while it is encoded. It leaves them unchanged until {@link connect}. */
export class OutgoingChannels implements ChannelEncoder {
  readonly #outgoing: Outgoing[] = [];

  /** The channels as wasm takes them: for each, which half we keep, and where its id goes. */
  get channels(): Uint32Array {
    return Uint32Array.from(this.#outgoing.flatMap(({ keep, place }) => [keep, place]));
  }

  /** Adds a sender for the peer; we keep the receiver. */
  tx(value: unknown, element: Codec, place: number): void {
    if (!(value instanceof Tx)) throw unexpected("a Tx", value);
    const sink = Tx.sinkOf(value);
    const local = sink instanceof LocalChannel ? this.#claim(sink, "tx") : undefined;
    this.#outgoing.push({
      local,
      keep: KEEP_RECEIVER,
      place,
      connect(halves, index, channels) {
        const source = channels.addSource(halves.receiver(index), element);
        if (local === undefined) {
          unwatchHalf(sink);
          channels.pipeFrom(new Rx(source), sink);
        } else Rx.connect(local.rx, local, source);
      },
    });
  }

  /** Adds a receiver for the peer; we keep the sender. */
  rx(value: unknown, element: Codec, place: number): void {
    const source = value instanceof Rx ? Rx.sourceOf(value) : undefined;
    const local = source instanceof LocalChannel ? this.#claim(source, "rx") : undefined;
    if (!isStreamable(value)) throw unexpected("an Rx or an iterable", value);
    this.#outgoing.push({
      local,
      keep: KEEP_SENDER,
      place,
      connect(halves, index, channels) {
        const sink = channels.addSink(halves.sender(index), element);
        if (local === undefined) channels.pipeFrom(value, sink);
        else Tx.connect(local.tx, local, sink);
      },
    });
  }

  /** Connects the halves that we keep, once the value was sent. */
  connect(halves: Channels, channels: CallChannels): void {
    this.#outgoing.forEach((each, index) => each.connect(halves, index, channels));
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

/**
 * Calls `write` to encode a value, and `use` with its bytes, which are valid until `use` returns, and with its channel
 * halves if it has any.
 */
export function encodeValue<T>(
  write: (writer: Writer) => void,
  use: (bytes: Uint8Array, outgoing: OutgoingChannels | undefined) => T,
): T {
  return withWriter((writer) => {
    writer.collector = OutgoingChannels;
    write(writer);
    return use(writer.written(), writer.channels as OutgoingChannels | undefined);
  });
}

/** Calls `read` to decode a value from a view into wasm's memory; its halves are added to `channels`. */
export function decodeValue<T>(
  bytes: Bytes,
  halves: Channels | undefined,
  channels: CallChannels | undefined,
  read: (reader: Reader) => T,
): T {
  if (halves === undefined || channels === undefined) {
    const reader = new Reader(bytes, false);
    reader.channels = NO_CHANNELS;
    return read(reader);
  }
  // Taking a half calls wasm, which invalidates the view.
  const reader = new Reader(bytes.slice(), true);
  const incoming = new IncomingChannels(halves, channels);
  reader.channels = incoming;
  const value = read(reader);
  incoming.finish();
  return value;
}

/** Rejects channel halves in a value that came without any. */
const NO_CHANNELS: ChannelDecoder = { tx: () => tooMany(0), rx: () => tooMany(0) };

function tooMany(count: number): never {
  throw new ValueError(`the value has more channels than the ${count} received`);
}

/** Hands out the channel halves that came with a value while it is decoded. */
class IncomingChannels implements ChannelDecoder {
  readonly #halves: Channels;
  readonly #channels: CallChannels;
  #taken = 0;

  constructor(halves: Channels, channels: CallChannels) {
    this.#halves = halves;
    this.#channels = channels;
  }

  tx(element: Codec): Tx<unknown> {
    const index = this.#take();
    const sink = this.#channels.addSink(this.#halves.sender(index), element);
    return this.#watched(new Tx(sink), sink);
  }

  rx(element: Codec): Rx<unknown> {
    const index = this.#take();
    const source = this.#channels.addSource(this.#halves.receiver(index), element);
    return this.#watched(new Rx(source), source);
  }

  /** Throws if channels are left that the value does not mention. */
  finish(): void {
    const count = this.#halves.length;
    if (this.#taken !== count) throw new ValueError(`received ${count} channels, but the value has ${this.#taken}`);
  }

  #watched<Half extends object>(half: Half, end: RemoteEnd): Half {
    if (!this.#channels.ownsHalves) watchHalf(half, end);
    return half;
  }

  #take(): number {
    const count = this.#halves.length;
    if (this.#taken === count) tooMany(count);
    return this.#taken++;
  }
}
