// What carries a published stream: the m-sections of a transport, or (p2p.ts) the connections to those who receive it.

import type { Channel } from './channel.js';
import { TertuliaError } from './errors.js';
import type { LocalStream, LocalTrack } from './local-stream.js';
import type { PublishTrack, WantedLayer, WireTrack } from './protocol.js';
import type { Sending } from './sending.js';
import type { Transport } from './transport.js';

/** Carries one stream, for one attempt to publish it. */
export interface Carrier {
  /** Whether it is gone, so that another one will take over the stream. */
  readonly closed: boolean;
  /** Takes up a stream; gives what the server is told of its tracks. */
  take(stream: LocalStream): Promise<PublishTrack[]>;
  /** Resolves once media can flow. */
  negotiated(): Promise<void>;
  /** The server has the stream, under this id. */
  published(id: number): void;
  /** The m-section of a track, where there is one for all. */
  midOf(trackId: string): string | undefined;
  /** A track has another device, or none. */
  replaced(track: LocalTrack): Promise<void>;
  /** The server said which layers of a track anybody wants. */
  layersWanted(trackId: string, layers: readonly WantedLayer[]): void;
  /** Opens a data channel to the subscribers of the stream. */
  open(channel: Channel, id: number): void;
  /** Lets go of the stream. */
  release(): void;
}

/** What everybody is told of a track. */
export function describe({ id, kind, source, muted }: LocalTrack): WireTrack {
  return { id, kind, source, muted: muted || undefined };
}

/** Carries a stream to the server, on a transport. */
export class TransportCarrier implements Carrier {
  readonly #transport: Transport;
  readonly #senders = new Map<string, Sending>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get closed(): boolean {
    return this.#transport.closed;
  }

  async take(stream: LocalStream): Promise<PublishTrack[]> {
    const transport = this.#transport;
    for (const track of stream.tracks) {
      if (this.#senders.has(track.id)) continue; // it was refused for a while
      const encodings = stream.encodings(track, transport.videoCodec);
      this.#senders.set(track.id, transport.addSender(track.mediaTrack, track.kind, encodings));
    }
    if (stream.hasData) transport.needData();
    await transport.offered();
    return stream.tracks.map((track) => {
      const mid = this.midOf(track.id);
      if (typeof mid !== 'string')
        throw new TertuliaError('internal', 'The browser gave a track no m-section.');
      return { ...describe(track), transport: transport.name, mid };
    });
  }

  negotiated(): Promise<void> {
    return this.#transport.answered();
  }

  published(): void {}

  midOf(trackId: string): string | undefined {
    return this.#senders.get(trackId)?.mid;
  }

  async replaced(track: LocalTrack): Promise<void> {
    if (this.closed) return; // the next one takes the stream's tracks as they are
    await this.#senders.get(track.id)?.transceiver.sender.replaceTrack(track.mediaTrack ?? null);
  }

  layersWanted(trackId: string, layers: readonly WantedLayer[]): void {
    this.#senders.get(trackId)?.want(layers);
  }

  open(channel: Channel, id: number): void {
    channel.attach(
      this.#transport.openChannel(channel.label, { ...channel.options, protocol: `stream:${id}` }),
    );
  }

  release(): void {
    for (const sender of this.#senders.values()) this.#transport.freeSender(sender);
    this.#senders.clear();
  }
}
