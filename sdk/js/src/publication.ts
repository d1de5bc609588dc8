// A local stream in a room: published on what carries it now, and again on the next.

import type { Carrier } from './carrier.js';
import type { Channel } from './channel.js';
import { TertuliaError } from './errors.js';
import type { LocalStream, LocalTrack, Publisher } from './local-stream.js';
import type { WantedLayer } from './protocol.js';
import { Superseded } from './session.js';
import type { Signal } from './signal.js';

/** What a publication needs of its room. */
export interface PublicationHost {
  request: Signal['request'];
  /** What the server said last of the layers of a track of the stream. */
  wantedLayers: (stream: number, track: string) => readonly WantedLayer[] | undefined;
  /** The stream is not published any more: stopped, or refused when it was published again. */
  over: (publication: Publication, error: TertuliaError | undefined) => void;
}

export class Publication implements Publisher {
  readonly stream: LocalStream;
  id: number | undefined;
  /** Settles when the stream is published for the first time, or cannot be. */
  readonly done: Promise<void>;
  readonly #host: PublicationHost;
  #carrier: Carrier | undefined;
  readonly #mutedOnServer = new Map<string, boolean>();
  #ready = false; // the server has the stream on this carrier
  #attempt = 0; // an earlier attempt that wakes up sees that it is over
  #stands = false; // it was published once
  #over = false;
  #resolve!: () => void;
  #reject!: (error: TertuliaError) => void;

  constructor(stream: LocalStream, host: PublicationHost) {
    this.stream = stream;
    this.#host = host;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {});
  }

  /** The m-section that carries a track. */
  midOf(trackId: string): string | undefined {
    return this.#carrier?.midOf(trackId);
  }

  /**
   * Publishes on a carrier, under the former id where there is one. To be called again for each
   * new carrier; keep says whether the participant is still the one that had the id.
   */
  async publish(carrier: Carrier, keep: boolean): Promise<void> {
    if (this.#over) return;
    const attempt = ++this.#attempt;
    const former = keep ? this.id : undefined;
    this.#carrier = carrier;
    this.#ready = false;
    this.#mutedOnServer.clear();
    for (const channel of this.stream.openChannels) channel.detach();
    try {
      const tracks = await carrier.take(this.stream);
      if (attempt !== this.#attempt) return;
      for (const { id, muted = false } of tracks) this.#mutedOnServer.set(id, muted);
      const attributes = this.stream.attributes;
      const [{ stream: id }] = await Promise.all([
        this.#host.request('publish', {
          stream: former,
          tracks: tracks.length > 0 ? tracks : undefined,
          data: this.stream.hasData || undefined,
          attributes: Object.keys(attributes).length > 0 ? attributes : undefined,
        }),
        carrier.negotiated(),
      ]);
      if (this.#over) {
        // It was stopped meanwhile.
        void this.#host.request('unpublish', { stream: id }).catch(() => {});
        return;
      }
      if (attempt !== this.#attempt) return;
      this.id = id;
      this.#ready = true;
      carrier.published(id);
      for (const channel of this.stream.openChannels) this.channel(channel);
      for (const track of this.stream.tracks) {
        void this.muted(track).catch(() => {});
        this.layersWanted(track.id);
      }
      if (attributes !== this.stream.attributes) void this.attributes().catch(() => {});
      this.#stands = true;
      this.#resolve();
    } catch (error) {
      if (attempt === this.#attempt && former !== undefined && (error as TertuliaError).code === 'conflict') {
        // Somebody else has the id by now.
        carrier.release();
        void this.publish(carrier, false);
        return;
      }
      // A transport or session that went away meanwhile is followed by another attempt.
      if (attempt !== this.#attempt || error instanceof Superseded) return;
      const { code } = error as TertuliaError;
      if (this.#stands && (code === 'too-fast' || code === 'unavailable')) {
        const again = (): void => {
          if (attempt === this.#attempt) void this.publish(carrier, keep);
        };
        setTimeout(again, 1_000 + Math.random() * 2_000);
        return;
      }
      this.#end(error as TertuliaError);
    }
  }

  /** Ends the publication; the stream can be published again. */
  async unpublish(): Promise<void> {
    const { id } = this;
    this.#end(new TertuliaError('cancelled', 'The stream was unpublished.'));
    if (id !== undefined) await this.#host.request('unpublish', { stream: id });
  }

  /** The room is over. */
  close(error: TertuliaError): void {
    this.#end(error);
  }

  async muted(track: LocalTrack): Promise<void> {
    if (!this.#ready || this.id === undefined || this.#mutedOnServer.get(track.id) === track.muted) return;
    this.#mutedOnServer.set(track.id, track.muted);
    await ignoringSuperseded(
      this.#host.request('mute', { stream: this.id, track: track.id, muted: track.muted }),
    );
  }

  /** The server said which layers of a track anybody wants. */
  layersWanted(trackId: string): void {
    if (!this.#ready || this.id === undefined) return; // it is looked up when it is published
    const layers = this.#host.wantedLayers(this.id, trackId);
    if (layers) this.#carrier?.layersWanted(trackId, layers);
  }

  /** A moderator muted a track: the server knows. */
  mutedByModerator(trackId: string): void {
    this.#mutedOnServer.set(trackId, true);
  }

  async replaced(track: LocalTrack): Promise<void> {
    await this.#carrier?.replaced(track);
  }

  async attributes(): Promise<void> {
    if (!this.#ready || this.id === undefined) return;
    await ignoringSuperseded(
      this.#host.request('attributes', { stream: this.id, attributes: this.stream.attributes }),
    );
  }

  channel(channel: Channel): void {
    if (!this.#ready || this.id === undefined || this.#carrier?.closed !== false) return; // opened when published
    this.#carrier.open(channel, this.id);
  }

  stopped(): void {
    void this.unpublish().catch(() => {});
  }

  #end(error: TertuliaError): void {
    if (this.#over) return;
    this.#over = true;
    this.#attempt++;
    this.#ready = false;
    this.id = undefined;
    this.stream.publisher = undefined;
    for (const channel of this.stream.openChannels) channel.close();
    this.#carrier?.release();
    this.#reject(error);
    this.#host.over(this, error);
  }
}

// What a rebuilt session did not answer is said anew when the stream is published again.
async function ignoringSuperseded(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof Superseded)) throw error;
  }
}
