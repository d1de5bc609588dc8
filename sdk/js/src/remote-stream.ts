import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import type { WireStream, WireTrack } from './protocol.js';
import type { JsonObject, Kind, Participant, Source, TrackState } from './words.js';

/** One medium of a remote stream. A changed track is a new object with the same id. */
export interface RemoteTrack {
  readonly id: string;
  readonly kind: Kind;
  readonly source: Source;
  /** Muted by its publisher, or by a moderator. */
  readonly muted: boolean;
  /** The codec's name, once known. */
  readonly codec: string | undefined;
  /** How its reception is. */
  readonly state: TrackState;
  /** A sentence that says why, for some states. */
  readonly reason: string | undefined;
  /** The browser's track while one is bound. */
  readonly mediaTrack: MediaStreamTrack | undefined;
}

/** Events of a {@link RemoteStream}. */
export interface RemoteStreamEvents {
  /** The browser's track of a track came or went, or its state changed. */
  track: (track: RemoteTrack) => void;
  /** The publisher opened a data channel. */
  channel: (channel: Channel) => void;
  /** Mute states or attributes changed; by is who did it, if not the publisher. */
  updated: (by: Participant | undefined) => void;
  /** The stream is no more. */
  ended: () => void;
}

/** What is asked for of a stream: ids of tracks (undefined: all) and data. */
export interface Wanted {
  tracks: string[] | undefined;
  data: boolean;
}

/** What another participant publishes. */
export class RemoteStream extends Emitter<RemoteStreamEvents> {
  readonly id: number;
  /** For a video or audio element. The object stays the same; its tracks come and go. */
  readonly mediaStream = new MediaStream();
  readonly #participant: () => Participant;
  #wire: WireStream;
  #tracks: RemoteTrack[] = [];
  #channels: Channel[] = [];
  #wanted: Wanted | undefined;
  #ended = false;

  /** @internal */
  constructor(wire: WireStream, participant: () => Participant) {
    super();
    this.id = wire.id;
    this.#participant = participant;
    this.#wire = wire;
    this.#tracks = (wire.tracks ?? []).map((track) => mergeTrack(track, undefined));
  }

  /** Who publishes it. */
  get participant(): Participant {
    return this.#participant();
  }

  get tracks(): readonly RemoteTrack[] {
    return this.#tracks;
  }

  /** Whether it may have data channels. */
  get hasData(): boolean {
    return this.#wire.data ?? false;
  }

  get attributes(): Readonly<JsonObject> {
    return this.#wire.attributes ?? {};
  }

  /** Channels that are open. */
  get channels(): readonly Channel[] {
    return this.#channels;
  }

  /** Whether any of it is asked for. */
  get subscribed(): boolean {
    return this.#wanted !== undefined;
  }

  /** Whether it is no more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether all tracks of the kind, or the track of that id, are muted; true if there is none. */
  muted(track: Kind | string): boolean {
    return this.#tracks
      .filter((each) => each.kind === track || each.id === track)
      .every((each) => each.muted);
  }

  /** @internal */
  get publisherId(): string {
    return this.#wire.participant;
  }

  /** @internal */
  get wanted(): Wanted | undefined {
    return this.#wanted;
  }

  /** @internal Subscribed (again), or not any more. */
  setWanted(wanted: Wanted | undefined): void {
    this.#wanted = wanted;
    for (const track of this.#tracks) {
      const asked = wanted && (wanted.tracks === undefined || wanted.tracks.includes(track.id));
      if (!asked) this.setTrack(track.id, { state: 'none', reason: undefined, mediaTrack: undefined });
      else if (track.state === 'none') this.setTrack(track.id, { state: 'waiting' });
    }
    if (!wanted?.data) for (const channel of [...this.#channels]) channel.close();
  }

  /** @internal The transport is gone: its tracks will be bound anew. Their last picture stays till then. */
  unbound(): void {
    for (const track of this.#tracks) {
      if (track.state !== 'none') this.setTrack(track.id, { state: 'waiting', reason: undefined });
    }
    for (const channel of [...this.#channels]) channel.close();
  }

  /** @internal Whether something that the application sees changed. */
  update(wire: WireStream): boolean {
    const before = JSON.stringify([this.#wire.tracks, this.#wire.attributes, this.#wire.data]);
    this.#wire = wire;
    const former = this.#tracks;
    this.#tracks = (wire.tracks ?? []).map((track) =>
      mergeTrack(
        track,
        former.find((each) => each.id === track.id),
      ),
    );
    return before !== JSON.stringify([wire.tracks, wire.attributes, wire.data]);
  }

  /** @internal */
  setTrack(
    id: string,
    change: Partial<Pick<RemoteTrack, 'state' | 'reason' | 'mediaTrack' | 'codec'>>,
  ): void {
    const index = this.#tracks.findIndex((track) => track.id === id);
    const former = this.#tracks[index];
    if (!former) return;
    const track = { ...former, ...change };
    const same = (['state', 'reason', 'mediaTrack', 'codec'] as const).every(
      (key) => track[key] === former[key],
    );
    if (same) return;
    if (track.mediaTrack !== former.mediaTrack) {
      if (former.mediaTrack) this.mediaStream.removeTrack(former.mediaTrack);
      if (track.mediaTrack) this.mediaStream.addTrack(track.mediaTrack);
    }
    this.#tracks = this.#tracks.map((each, at) => (at === index ? track : each));
    this.emit('track', track);
  }

  /** @internal */
  addChannel(channel: Channel): void {
    this.#channels = [...this.#channels, channel];
    channel.on('close', () => {
      this.#channels = this.#channels.filter((each) => each !== channel);
    });
    this.emit('channel', channel);
  }

  /** @internal */
  end(): void {
    if (this.#ended) return;
    this.setWanted(undefined);
    this.#ended = true;
    this.emit('ended');
  }
}

function mergeTrack(wire: WireTrack, former: RemoteTrack | undefined): RemoteTrack {
  return {
    id: wire.id,
    kind: wire.kind,
    source: wire.source,
    muted: wire.muted ?? false,
    codec: wire.codec ?? former?.codec,
    state: former?.state ?? 'none',
    reason: former?.reason,
    mediaTrack: former?.mediaTrack,
  };
}
