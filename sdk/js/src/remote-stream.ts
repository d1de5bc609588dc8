import { type Attachment, together, Watch } from './attachment.js';
import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import type { TertuliaError } from './errors.js';
import { merge, type Preference, Viewer } from './preference.js';
import type { WireStream, WireTrack } from './protocol.js';
import type { JsonObject, Kind, Participant, PauseCause, Source, TrackState } from './words.js';

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
  /** Why it is paused, while it is. */
  readonly cause: PauseCause | undefined;
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

/** Options of {@link RemoteStream.attach}. */
export interface AttachOptions {
  /** Weight beside the other tracks, 1…100, where not all of them fit the network; 10 is usual. */
  priority?: number;
}

/** What a remote stream needs of its room. */
export interface RemoteStreamHost {
  participant: () => Participant;
  /** Why nothing can be wanted of layers in this room; undefined: it can. */
  unlayered: () => TertuliaError | undefined;
  /** What is wanted of a track changed. */
  prefer: (stream: RemoteStream, track: string, preference: Required<Preference>) => Promise<void>;
}

/** What another participant publishes. */
export class RemoteStream extends Emitter<RemoteStreamEvents> {
  readonly id: number;
  /** For a video or audio element. The object stays the same; its tracks come and go. */
  readonly mediaStream = new MediaStream();
  readonly #host: RemoteStreamHost;
  #wire: WireStream;
  #tracks: RemoteTrack[] = [];
  #channels: Channel[] = [];
  #wanted: Wanted | undefined;
  #ended = false;

  readonly #watches = new Map<HTMLVideoElement, Watch>();
  #viewer: Viewer | undefined; // once an element was attached
  #viewerTimer: ReturnType<typeof setTimeout> | undefined;
  #seen: Preference | undefined;
  readonly #said = new Map<string, Preference>(); // by track

  /** @internal */
  constructor(wire: WireStream, host: RemoteStreamHost) {
    super();
    this.id = wire.id;
    this.#host = host;
    this.#wire = wire;
    this.#tracks = (wire.tracks ?? []).map((track) => mergeTrack(track, undefined));
  }

  /** Who publishes it. */
  get participant(): Participant {
    return this.#host.participant();
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

  /**
   * Shows the stream in a video element, and receives what fits it: the server is told how large the element is, in pixels of
   * the screen, and stops the video while nobody can see it (scrolled away, in a hidden tab, taken off the page). A stream may be attached to several
   * elements; the largest counts. One that was attached and is not any more is stopped as one that is hidden; one that never
   * was is received in full, unless the room was entered with `videoOnDemand`.
   */
  attach(element: HTMLVideoElement, options: AttachOptions = {}): Attachment {
    this.#watches.get(element)?.stop();
    const look = (): void => this.#look();
    const watch = new Watch(element, options.priority, look);
    this.#watches.set(element, watch);
    this.#viewer ??= new Viewer();
    if (element.srcObject !== this.mediaStream) element.srcObject = this.mediaStream;
    look();
    return {
      element,
      setPriority: (priority) => {
        watch.priority = priority;
        look();
      },
      detach: () => {
        watch.stop();
        if (this.#watches.get(element) !== watch) return;
        this.#watches.delete(element);
        if (element.srcObject === this.mediaStream) element.srcObject = null;
        look();
      },
    };
  }

  /**
   * Says what is wanted of the tracks of a kind, or of the track of that id. What is given counts before what
   * {@link RemoteStream.attach} finds out, field by field; undefined takes it all back. Fails with `bad-request` when a
   * number makes no sense, and with `unsupported` in a peer-to-peer room, where no server chooses.
   */
  async prefer(track: Kind | string, preference: Preference | undefined): Promise<void> {
    const refusal = this.#host.unlayered();
    if (refusal) throw refusal;
    const tracks = this.#tracks.filter((each) => each.kind === track || each.id === track);
    for (const { id } of tracks) {
      if (preference) this.#said.set(id, { ...preference });
      else this.#said.delete(id);
    }
    await Promise.all(tracks.map(({ id }) => this.#tell(id)));
  }

  /** @internal Video that no element shows is not wanted, from the start. */
  onDemand(): void {
    this.#seen = { paused: true };
  }

  /** @internal What is wanted of a track; undefined: nothing was said, so all of it. */
  preference(id: string): Required<Preference> | undefined {
    const track = this.#tracks.find((each) => each.id === id);
    return track && merge(track.kind === 'video' ? this.#seen : undefined, this.#said.get(id));
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
      if (!asked) {
        this.setTrack(track.id, {
          state: 'none',
          reason: undefined,
          cause: undefined,
          mediaTrack: undefined,
        });
      } else if (track.state === 'none') this.setTrack(track.id, { state: 'waiting' });
    }
    if (!wanted?.data) for (const channel of [...this.#channels]) channel.close();
  }

  /** @internal The transport is gone: its tracks will be bound anew. Their last picture stays till then. */
  unbound(): void {
    for (const track of this.#tracks) {
      if (track.state !== 'none') {
        this.setTrack(track.id, { state: 'waiting', reason: undefined, cause: undefined });
      }
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
    change: Partial<Pick<RemoteTrack, 'state' | 'reason' | 'cause' | 'mediaTrack' | 'codec'>>,
  ): void {
    const index = this.#tracks.findIndex((track) => track.id === id);
    const former = this.#tracks[index];
    if (!former) return;
    const track = { ...former, ...change };
    const same = (['state', 'reason', 'cause', 'mediaTrack', 'codec'] as const).every(
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
    clearTimeout(this.#viewerTimer);
    for (const watch of this.#watches.values()) watch.stop();
    this.#watches.clear();
    this.emit('ended');
  }

  // What can be seen may be something else now.
  #look(): void {
    const viewer = this.#viewer;
    if (!viewer || this.#ended) return;
    const views = [...this.#watches.values()].map((watch) => watch.view());
    const view = together(views);
    if (view || views.length === 0) viewer.see(Date.now(), view);
    this.#schedule(viewer);
  }

  #schedule(viewer: Viewer): void {
    clearTimeout(this.#viewerTimer);
    const due = viewer.timer();
    if (due === undefined) return;
    this.#viewerTimer = setTimeout(
      () => {
        const seen = viewer.take(Date.now());
        if (seen) {
          this.#seen = seen;
          for (const track of this.#tracks) {
            if (track.kind === 'video')
              this.#tell(track.id).catch((error) => console.warn('tertulia:', error));
          }
        }
        this.#schedule(viewer);
      },
      Math.max(0, due - Date.now()),
    );
  }

  async #tell(id: string): Promise<void> {
    if (this.#ended || this.#host.unlayered()) return;
    // What was taken back is told as no wish at all.
    const wish = this.preference(id) ?? merge({}, {});
    if (wish) await this.#host.prefer(this, id, wish);
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
    cause: former?.cause,
    mediaTrack: former?.mediaTrack,
  };
}
