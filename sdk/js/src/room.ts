import { type Carrier, TransportCarrier } from './carrier.js';
import { Channel } from './channel.js';
import { type Connection, Meters } from './connections.js';
import { Emitter } from './emitter.js';
import { TertuliaError } from './errors.js';
import type { LocalStream } from './local-stream.js';
import { Peers } from './p2p.js';
import { Pacer } from './pacer.js';
import type { Preference } from './preference.js';
import {
  type Events,
  type Joined,
  maxMessage,
  type SubscribeTo,
  type WantedLayer,
  type WireParticipant,
  type WireRoom,
  type WireStream,
} from './protocol.js';
import { Publication } from './publication.js';
import { RemoteStream, type RemoteTrack, type Wanted } from './remote-stream.js';
import { type Entry, Superseded } from './session.js';
import { byteLength, type Signal } from './signal.js';
import { assess, type Layer, type RoomStats } from './stats.js';
import { Transport, type TransportHost } from './transport.js';
import type {
  EndReason,
  Json,
  JsonObject,
  LeaveReason,
  Message,
  Participant,
  Permission,
  Quality,
  RoomMode,
  RoomState,
} from './words.js';

/** A token, or who to ask for one: when a session is lost, a fresh one is needed. */
export type TokenSource = string | (() => string | Promise<string>);

/** Options of {@link connect}. */
export interface ConnectOptions {
  /**
   * Whether streams of others are subscribed as they come (default true), or a function that says
   * it for each, or says what of it.
   */
  autoSubscribe?: boolean | ((stream: RemoteStream) => boolean | SubscribeOptions);
  /**
   * Whether the video of others is received only while an element that it is attached to ({@link RemoteStream.attach}) can
   * be seen. Default false: video that was never attached is received in full. Without effect in peer-to-peer rooms.
   */
  videoOnDemand?: boolean;
  /** Streams to publish at once: the fastest way to be seen. */
  publish?: LocalStream[];
  /** What others see of this participant from the start. */
  metadata?: JsonObject;
  /** ICE servers instead of those that the server names. */
  iceServers?: RTCIceServer[];
  /** `relay` allows TURN only. */
  iceTransportPolicy?: RTCIceTransportPolicy;
  /** Name and version of the application, for the server's log. */
  client?: string;
  /** How long to try to enter, milliseconds (default 15 000). */
  timeout?: number;
  /** How long to try to come back after a cut, milliseconds (default 120 000). */
  reconnectFor?: number;
  /** Gives up entering. */
  signal?: AbortSignal;
}

/** What of a stream to receive. */
export interface SubscribeOptions {
  /** Default true. */
  audio?: boolean;
  /** Default true. */
  video?: boolean;
  /** Default: whether the stream has data. */
  data?: boolean;
  /** Ids of tracks, instead of audio and video. */
  tracks?: string[];
}

/** An audio track that is heard now. */
export interface Speaker {
  readonly stream: RemoteStream | LocalStream;
  readonly participant: Participant;
  readonly track: string;
  /** −127…0 dBov */
  readonly level: number;
}

/** Events of a {@link Room}. */
export interface RoomEvents {
  'participant-joined': (participant: Participant) => void;
  'participant-left': (participant: Participant, reason: LeaveReason) => void;
  /** Metadata or permissions changed; also told of `me`. */
  'participant-updated': (participant: Participant) => void;
  'stream-published': (stream: RemoteStream) => void;
  'stream-unpublished': (stream: RemoteStream) => void;
  /** Mute states or attributes changed; by is who did it, if not the publisher. */
  'stream-updated': (stream: RemoteStream, by: Participant | undefined) => void;
  /** A stream of this participant was published, or is no more. */
  'local-streams': () => void;
  message: (message: Message) => void;
  /** Who speaks now, loudest first; empty in silence. */
  speakers: (speakers: readonly Speaker[]) => void;
  /** The room's metadata changed. */
  'room-updated': () => void;
  state: (state: RoomState) => void;
  /** The session is over. Not told for leave(). */
  ended: (reason: EndReason, message: string) => void;
  quality: (quality: Quality) => void;
}

/** How often the network indicator is computed, milliseconds. */
const qualityEvery = 2_000;

/**
 * After a server's restart, its participants come back one by one. Who is not there yet is not told
 * as gone before so many milliseconds.
 */
const missingFor = 6_000;

/** Messages that are remembered, to drop repeats. */
const rememberedMessages = 4_096;

/** A room that this participant is in; {@link connect} makes it. */
export class Room extends Emitter<RoomEvents> {
  readonly #signal: Signal;
  readonly #options: ConnectOptions;
  #transport: Transport; // closed in a peer-to-peer room
  #transports = 1;
  #peers: Peers | undefined; // in a peer-to-peer room
  #iceServers: RTCIceServer[] | undefined;

  #state: RoomState = 'connected';
  #room!: WireRoom;
  #me!: Participant;
  readonly #participants = new Map<string, Participant>();
  readonly #streams = new Map<number, RemoteStream>();
  readonly #publications = new Map<LocalStream, Publication>();
  #speakers: readonly Speaker[] = [];
  readonly #seen = new Set<string>();

  /** What the slots of the transport are bound to, by mid. */
  readonly #slots = new Map<string, { stream: number; track: string }>();
  /** What is wanted of the layers of own streams, by stream and track. */
  readonly #wantedLayers = new Map<number, Map<string, readonly WantedLayer[]>>();
  /** Streams whose subscription the server has been asked for on this session: preferences may follow. */
  readonly #asked = new WeakSet<RemoteStream>();
  /** The server takes 50 requests a second, and 300 at once: some are left for the application. */
  readonly #pacer = new Pacer(30, 150);
  // After a rebuilt session: who and what is known to us and not yet to the server.
  #missingStreams = new Set<number>();
  #missingParticipants = new Set<string>();
  #missingTimer: ReturnType<typeof setTimeout> | undefined;

  readonly #meters = new Meters(); // of the indicator
  readonly #statsMeters = new Meters(); // of getStats
  #qualityTimer: ReturnType<typeof setInterval> | undefined;
  #quality: Quality = { level: 4, rtt: undefined, lossIn: 0, lossOut: 0 };
  #left: Promise<void> | undefined;
  #leftDone: (() => void) | undefined;
  readonly #pagehide = (): void => this.#signal.leaveNow();

  /** @internal */
  constructor(signal: Signal, options: ConnectOptions) {
    super();
    this.#signal = signal;
    this.#options = options;
    // Made while the socket opens: that takes the browser some time.
    this.#transport = this.#newTransport();
  }

  /** 24 hexadecimal characters. */
  get id(): string {
    return this.#room.id;
  }

  get name(): string {
    return this.#room.name;
  }

  /** How media go: through the server, or from participant to participant. */
  get mode(): RoomMode {
    return this.#room.mode ?? 'sfu';
  }

  get metadata(): Readonly<JsonObject> {
    return this.#room.metadata ?? {};
  }

  /** Codecs that publishers should prefer, best first. */
  get codecs(): readonly string[] {
    return this.#room.codecs ?? [];
  }

  get state(): RoomState {
    return this.#state;
  }

  /** This participant. */
  get me(): Participant {
    return this.#me;
  }

  /** The others, by id. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#participants;
  }

  /** Streams of the others, by id. */
  get streams(): ReadonlyMap<number, RemoteStream> {
    return this.#streams;
  }

  /** What this participant publishes. */
  get localStreams(): readonly LocalStream[] {
    return [...this.#publications.keys()];
  }

  get permissions(): readonly Permission[] {
    return this.#me.permissions;
  }

  /** The network indicator. */
  get quality(): Quality {
    return this.#quality;
  }

  /** Who speaks now, loudest first. */
  get speakers(): readonly Speaker[] {
    return this.#speakers;
  }

  /** Whether this participant may. */
  can(permission: Permission): boolean {
    return this.#me.permissions.includes(permission);
  }

  /** Streams of a participant. */
  streamsOf(participant: Participant | string): RemoteStream[] {
    const id = idOf(participant);
    return [...this.#streams.values()].filter((stream) => stream.publisherId === id);
  }

  /** Publishes a stream; resolves once the server has it. */
  async publish(stream: LocalStream): Promise<void> {
    this.#checkOpen();
    if (stream.ended) throw new TertuliaError('closed', 'The stream is over.');
    if (stream.published) throw new TertuliaError('conflict', 'The stream is published already.');
    const publication = new Publication(stream, {
      request: (type, data) => this.#signal.request(type, data),
      wantedLayers: (id, track) => this.#wantedLayers.get(id)?.get(track),
      over: () => {
        this.#publications.delete(stream);
        this.emit('local-streams');
      },
    });
    stream.publisher = publication;
    this.#publications.set(stream, publication);
    void publication.publish(this.#carrier(), false);
    await publication.done;
    this.emit('local-streams');
  }

  /** Stops publishing; the stream's devices stay open (stop() closes them). */
  async unpublish(stream: LocalStream): Promise<void> {
    await this.#publications.get(stream)?.unpublish();
  }

  /** Asks to receive a stream, or changes what of it is received. */
  async subscribe(stream: RemoteStream, options: SubscribeOptions = {}): Promise<void> {
    this.#checkOpen();
    if (this.#streams.get(stream.id) !== stream) throw new TertuliaError('closed', 'The stream is over.');
    const wanted = wantedOf(stream, options);
    const former = stream.wanted;
    stream.setWanted(wanted);
    try {
      await this.#sendSubscription(stream);
    } catch (error) {
      if (stream.wanted === wanted && this.#streams.get(stream.id) === stream) stream.setWanted(former);
      throw error;
    }
  }

  async unsubscribe(stream: RemoteStream): Promise<void> {
    if (!stream.wanted) return;
    stream.setWanted(undefined);
    this.#asked.delete(stream);
    await this.#followed(this.#signal.request('unsubscribe', { stream: stream.id }));
  }

  /**
   * Sends a message of at most 64 KB of JSON to all others, or to some. Resolves to its id once the
   * server has it; through cuts of the connection it arrives once.
   */
  async send(data: Json, options: { to?: (Participant | string)[] } = {}): Promise<string> {
    const size = byteLength(JSON.stringify(data));
    if (size > maxMessage) {
      throw new TertuliaError('bad-request', `That is ${size} bytes; a message can have ${maxMessage}.`);
    }
    const id = newUUID();
    await this.#signal.request('message', { id, to: options.to?.map(idOf), data });
    return id;
  }

  /** Mutes a track of another participant (permission `moderate`); only its owner can unmute. */
  async mute(stream: RemoteStream, track: string): Promise<void> {
    await this.#signal.request('mute', { stream: stream.id, track, muted: true });
  }

  /** Ends another participant's presence (permission `moderate`). */
  async kick(participant: Participant | string, reason?: string): Promise<void> {
    await this.#signal.request('kick', { participant: idOf(participant), reason });
  }

  /** Replaces this participant's metadata. */
  async setMetadata(metadata: JsonObject): Promise<void> {
    await this.#signal.request('metadata', { of: 'me', metadata });
    this.#me = { ...this.#me, metadata };
    this.#signal.metadata = metadata;
  }

  /** Replaces the room's metadata (permission `moderate`). */
  async setRoomMetadata(metadata: JsonObject): Promise<void> {
    await this.#signal.request('metadata', { of: 'room', metadata });
    this.#room = { ...this.#room, metadata };
  }

  /**
   * Counts of what is sent and received, and rates since the previous call; with server, also what
   * the server counts (which fails with `unsupported` in a peer-to-peer room).
   */
  async getStats(options: { server?: boolean } = {}): Promise<RoomStats> {
    this.#checkOpen();
    const [measured, server] = await Promise.all([
      this.#statsMeters.read(this.#connections()),
      options.server ? this.#signal.request('stats', {}) : undefined,
    ]);
    const layers = layersOf(server?.transports);
    const { rtt, bitrateIn, bitrateOut, availableOut, protocol, raw } = measured;
    return {
      time: Date.now(),
      quality: this.#quality,
      rtt,
      bitrateIn,
      bitrateOut,
      availableOut,
      protocol,
      local: [...this.#publications.values()].map((publication) => ({
        stream: publication.stream,
        tracks: publication.stream.tracks.flatMap((track) =>
          measured.sent(publication, track.id, track.mediaTrack?.id),
        ),
      })),
      remote: [...this.#streams.values()].map((stream) => ({
        stream,
        tracks: stream.tracks.flatMap((track) =>
          track.mediaTrack
            ? measured.received(stream, track.id, track.mediaTrack.id).map((stats) => ({
                ...stats,
                layer: layers.get(`${stream.id} ${track.id}`),
              }))
            : [],
        ),
      })),
      raw,
      server: server?.transports,
    };
  }

  /** Leaves; never fails. The devices of local streams stay open. */
  leave(): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve();
    this.#left ??= new Promise((resolve) => {
      this.#leftDone = resolve;
      this.#signal.leave();
    });
    return this.#left;
  }

  // What the signalling tells.

  /** @internal The first snapshot, or one of a session that was rebuilt. */
  entered(how: Entry, snapshot: Joined): void {
    if (how === 'joined') {
      this.#room = snapshot.room;
      this.#me = participantOf(snapshot.participant);
      for (const each of snapshot.participants ?? []) this.#participants.set(each.id, participantOf(each));
      for (const each of snapshot.streams ?? []) {
        if (each.participant !== this.#me.id) this.#streams.set(each.id, this.#newStream(each));
      }
      this.#iceServers = snapshot.iceServers;
      this.#chooseMode();
      if (!this.#peers) this.#startTransport();
      for (const stream of this.#options.publish ?? []) {
        this.publish(stream).catch((error: unknown) => console.warn('tertulia:', error));
      }
      for (const stream of this.#streams.values()) this.#autoSubscribe(stream);
      if (typeof window !== 'undefined') window.addEventListener('pagehide', this.#pagehide);
      this.#qualityTimer = setInterval(() => void this.#measure(), qualityEvery);
      return;
    }
    // Whatever the transport was, the server does not know it any more.
    this.#iceServers = snapshot.iceServers;
    this.#transport.close();
    if (how === 'rejoined') this.#peers?.close(); // to the others, this is somebody else
    const connected = how === 'resynced' && this.#peers !== undefined;
    this.#compare(snapshot);
    this.#chooseMode();
    if (!connected) for (const stream of this.#streams.values()) stream.unbound();
    if (this.#peers) this.#meetAgain(how === 'resynced');
    else this.#replaceTransport(how === 'resynced');
  }

  /** @internal */
  stateChanged(state: 'connected' | 'reconnecting'): void {
    if (this.#state === 'closed' || this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
    if (state !== 'connected') return;
    this.#transport.signallingBack();
    this.#peers?.signallingBack();
  }

  /** @internal */
  sessionEnded(reason: string, error: TertuliaError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearInterval(this.#qualityTimer);
    clearTimeout(this.#missingTimer);
    if (typeof window !== 'undefined') window.removeEventListener('pagehide', this.#pagehide);
    for (const publication of [...this.#publications.values()]) publication.close(error);
    this.#transport.close();
    this.#peers?.close();
    for (const stream of [...this.#streams.values()]) this.#removeStream(stream);
    this.emit('state', 'closed');
    if (this.#leftDone) this.#leftDone();
    else this.emit('ended', reason as EndReason, error.message);
  }

  /** @internal Releases what was made before the room was entered. */
  abandon(): void {
    this.#transport.close();
  }

  /** @internal */
  handle(type: string, data: unknown): void {
    const handler = (this.#handlers as Record<string, ((data: never) => void) | undefined>)[type];
    handler?.(data as never); // a newer server may tell of things that we do not know
  }

  readonly #handlers: { [K in keyof Omit<Events, 'ended'>]: (data: Events[K]) => void } = {
    'participant-joined': (wire) => this.#putParticipant(wire),
    'participant-updated': (wire) => this.#putParticipant(wire),
    'participant-left': ({ participant, reason }) =>
      this.#removeParticipant(participant, reason as LeaveReason),
    'stream-published': (wire) => this.#putStream(wire),
    'stream-updated': ({ stream, by }) => this.#updateStream(stream, by),
    'stream-unpublished': ({ stream: id }) => {
      const stream = this.#streams.get(id);
      if (stream) this.#removeStream(stream);
    },
    slots: ({ transport, slots }) => {
      if (transport !== this.#transport.name) return;
      for (const { mid, stream, track } of slots) this.#bind(mid, stream, track);
    },
    'slots-wanted': ({ transport, audio, video }) => {
      if (transport === this.#transport.name) this.#transport.addSlots(audio, video);
    },
    subscription: ({ stream, track, state, codec, reason, cause }) => {
      const change: Partial<RemoteTrack> = {
        state: state as RemoteTrack['state'],
        reason: reason || undefined,
        cause: (cause || undefined) as RemoteTrack['cause'],
      };
      const remote = this.#streams.get(stream);
      if (remote?.wanted) remote.setTrack(track, codec ? { ...change, codec } : change);
    },
    'layers-wanted': ({ stream, track, layers }) => {
      let tracks = this.#wantedLayers.get(stream);
      if (!tracks) this.#wantedLayers.set(stream, (tracks = new Map()));
      tracks.set(track, layers ?? []);
      this.#publicationById(stream)?.layersWanted(track);
    },
    'stream-subscribed': (told) => this.#peers?.subscribed(told),
    'stream-unsubscribed': (told) => this.#peers?.unsubscribed(told),
    signal: (told) => this.#peers?.heard(told),
    message: ({ id, to, stream, from, time, data }) => {
      const key = `${from} ${id}`;
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
      if (this.#seen.size > rememberedMessages) {
        for (const oldest of this.#seen) {
          this.#seen.delete(oldest);
          break;
        }
      }
      const participant = this.#participantById(from);
      this.emit('message', {
        id,
        participant,
        from,
        time: new Date(time),
        private: (to?.length ?? 0) > 0,
        stream,
        data,
      });
    },
    speakers: ({ speakers }) => {
      this.#speakers = (speakers ?? []).flatMap(({ stream: id, track, level }) => {
        const stream = this.#streams.get(id) ?? this.#publicationById(id)?.stream;
        if (!stream) return [];
        const participant = stream instanceof RemoteStream ? stream.participant : this.#me;
        return [{ stream, participant, track, level }];
      });
      this.emit('speakers', this.#speakers);
    },
    'room-updated': (room) => {
      this.#room = room;
      this.emit('room-updated');
    },
    transport: ({ transport, state }) => {
      if (transport === this.#transport.name) this.#transport.told(state);
    },
  };

  // Participants and streams.

  #putParticipant(wire: WireParticipant): void {
    const participant = participantOf(wire);
    if (wire.id === this.#me.id) {
      // What one may do is told at the door only, and to nobody else.
      this.#me = { ...participant, permissions: this.#me.permissions };
      this.emit('participant-updated', participant);
      return;
    }
    const former = this.#participants.get(wire.id);
    if (this.#missingParticipants.delete(wire.id) || !former) this.#peers?.returned(wire.id);
    this.#participants.set(wire.id, participant);
    if (!former) this.emit('participant-joined', participant);
    else if (JSON.stringify(former) !== JSON.stringify(participant))
      this.emit('participant-updated', participant);
  }

  #removeParticipant(id: string, reason: LeaveReason): void {
    for (const stream of this.streamsOf(id)) this.#removeStream(stream);
    const participant = this.#participants.get(id);
    this.#missingParticipants.delete(id);
    this.#peers?.left(id);
    if (!participant) return;
    this.#participants.delete(id);
    this.emit('participant-left', participant, reason);
  }

  #newStream(wire: WireStream): RemoteStream {
    let known = this.#participants.get(wire.participant);
    const stream = new RemoteStream(wire, {
      participant: () => {
        known = this.#participants.get(wire.participant) ?? known;
        return known ?? { id: wire.participant, user: '', role: '', permissions: [], metadata: {} };
      },
      unlayered: () =>
        this.#peers &&
        new TertuliaError(
          'unsupported',
          'This room is peer to peer: there is no server that chooses layers.',
        ),
      prefer: (stream, track, preference) => this.#prefer(stream, track, preference),
    });
    if (this.#options.videoOnDemand) stream.onDemand();
    return stream;
  }

  #putStream(wire: WireStream): void {
    if (wire.participant === this.#me.id) return;
    const known = this.#streams.get(wire.id);
    if (known && known.publisherId === wire.participant && sameTracks(known, wire)) {
      // It was published anew under its id, after a cut.
      this.#missingStreams.delete(wire.id);
      this.#updateStream(wire, undefined);
      if (known.wanted) this.#subscribeQuietly(known);
      return;
    }
    if (known) this.#removeStream(known);
    const stream = this.#newStream(wire);
    this.#streams.set(wire.id, stream);
    this.emit('stream-published', stream);
    this.#autoSubscribe(stream);
  }

  #updateStream(wire: WireStream, by: string | undefined): void {
    if (wire.participant === this.#me.id) {
      const publication = this.#publicationById(wire.id);
      if (!publication || !by || by === this.#me.id) return;
      for (const track of wire.tracks ?? []) {
        if (!track.muted || publication.stream.muted(track.id)) continue;
        publication.mutedByModerator(track.id);
        publication.stream.mutedBy(track.id, this.#participantById(by));
      }
      return;
    }
    const stream = this.#streams.get(wire.id);
    if (!stream?.update(wire)) return;
    const moderator = by && by !== wire.participant ? this.#participantById(by) : undefined;
    stream.emit('updated', moderator);
    this.emit('stream-updated', stream, moderator);
  }

  #removeStream(stream: RemoteStream): void {
    if (this.#streams.get(stream.id) !== stream) return;
    this.#streams.delete(stream.id);
    this.#missingStreams.delete(stream.id);
    stream.end();
    this.#peers?.wants(stream.publisherId);
    this.emit('stream-unpublished', stream);
  }

  // What a snapshot says is told as differences. Who is missing gets some time to come back.
  #compare(snapshot: Joined): void {
    const meBefore = this.#me;
    this.#me = participantOf(snapshot.participant);
    if (JSON.stringify(meBefore) !== JSON.stringify(this.#me)) this.emit('participant-updated', this.#me);
    const roomBefore = this.#room;
    this.#room = snapshot.room;
    if (JSON.stringify(roomBefore) !== JSON.stringify(this.#room)) this.emit('room-updated');
    this.#slots.clear();

    const participants = new Set((snapshot.participants ?? []).map(({ id }) => id));
    const streams = new Set((snapshot.streams ?? []).map(({ id }) => id));
    this.#missingParticipants = new Set([...this.#participants.keys()].filter((id) => !participants.has(id)));
    this.#missingStreams = new Set([...this.#streams.keys()].filter((id) => !streams.has(id)));
    for (const wire of snapshot.participants ?? []) this.#putParticipant(wire);
    for (const wire of snapshot.streams ?? []) {
      const known = this.#streams.get(wire.id);
      if (known && known.publisherId === wire.participant && sameTracks(known, wire)) {
        this.#updateStream(wire, undefined);
      } else {
        this.#putStream(wire);
      }
    }
    clearTimeout(this.#missingTimer);
    this.#missingTimer = setTimeout(() => {
      for (const id of [...this.#missingStreams]) {
        const stream = this.#streams.get(id);
        if (stream) this.#removeStream(stream);
      }
      for (const id of [...this.#missingParticipants]) this.#removeParticipant(id, 'timeout');
    }, missingFor);
  }

  #participantById(id: string): Participant | undefined {
    return id === this.#me.id ? this.#me : this.#participants.get(id);
  }

  #publicationById(id: number): Publication | undefined {
    return [...this.#publications.values()].find((publication) => publication.id === id);
  }

  // Subscriptions.

  #autoSubscribe(stream: RemoteStream): void {
    const { autoSubscribe = true } = this.#options;
    if (stream.wanted || !this.can('subscribe')) return; // the application was quicker, or must not
    const answer = typeof autoSubscribe === 'function' ? autoSubscribe(stream) : autoSubscribe;
    if (!answer) return;
    stream.setWanted(wantedOf(stream, answer === true ? {} : answer));
    this.#subscribeQuietly(stream);
  }

  #subscribeQuietly(stream: RemoteStream): void {
    this.#sendSubscription(stream).catch((error: TertuliaError) => {
      if (error.code === 'too-fast' || error.code === 'unavailable') {
        setTimeout(() => this.#subscribeQuietly(stream), 1_000 + Math.random() * 2_000);
        return;
      }
      // The stream may be over before the server took it; then that is told in its own way.
      if (error.code !== 'not-found' && error.code !== 'closed') console.warn('tertulia:', error);
    });
  }

  async #sendSubscription(stream: RemoteStream): Promise<void> {
    const transport = this.#transport;
    const { wanted } = stream;
    if (!wanted || this.#state === 'closed') return;
    if (this.#peers) {
      this.#peers.wants(stream.publisherId); // the connection may carry it already
      const { tracks, data } = wanted;
      await this.#followed(
        this.#signal.request('subscribe', { stream: stream.id, tracks, data: data || undefined }),
      );
      return;
    }
    if (wanted.data) transport.needData();
    try {
      await transport.offered();
    } catch (error) {
      if (error instanceof Superseded) return; // asked again for the next transport
      throw error;
    }
    const stands = (): boolean =>
      stream.wanted === wanted && transport === this.#transport && this.#streams.get(stream.id) === stream;
    if (!stands()) return;
    const wait = this.#pacer.take(
      Date.now(),
      1 + stream.tracks.filter(({ id }) => stream.preference(id)).length,
    );
    if (wait > 0) await sleep(wait);
    if (!stands()) return;
    const to: SubscribeTo = { stream: stream.id, transport: transport.name };
    if (wanted.tracks) to.tracks = wanted.tracks;
    if (wanted.data) to.data = true;
    const subscribed = this.#signal.request('subscribe', to);
    this.#asked.add(stream);
    for (const { id } of stream.tracks) {
      const preference = stream.preference(id);
      if (preference) this.#sendPreference(stream, id, preference).catch(() => {}); // said before, and answered then
    }
    await this.#followed(subscribed);
  }

  // Tells what is wanted of a track; before its subscription is asked for, that will tell it.
  async #prefer(stream: RemoteStream, track: string, preference: Required<Preference>): Promise<void> {
    if (!stream.wanted || !this.#asked.has(stream)) return;
    const wait = this.#pacer.take(Date.now());
    if (wait > 0) await sleep(wait);
    await this.#sendPreference(
      stream,
      track,
      wait > 0 ? (stream.preference(track) ?? preference) : preference,
    );
  }

  async #sendPreference(
    stream: RemoteStream,
    track: string,
    preference: Required<Preference>,
  ): Promise<void> {
    const { wanted } = stream;
    const asked = wanted && (wanted.tracks === undefined || wanted.tracks.includes(track));
    if (this.#state === 'closed' || !asked || !this.#asked.has(stream)) return;
    try {
      await this.#followed(this.#signal.request('prefer', { stream: stream.id, track, ...preference }));
    } catch (error) {
      const { code } = error as TertuliaError;
      if (code === 'too-fast' || code === 'unavailable') {
        setTimeout(
          () => {
            const newest = stream.preference(track) ?? preference;
            this.#prefer(stream, track, newest).catch(() => {});
          },
          1_000 + Math.random() * 2_000,
        );
        return;
      }
      // The subscription was refused, or the stream is over: that is told in its own way.
      if (code !== 'not-found' && code !== 'closed') throw error;
    }
  }

  // What a rebuilt session did not answer is asked for again there.
  async #followed(request: Promise<unknown>): Promise<void> {
    try {
      await request;
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
    }
  }

  #bind(mid: string, streamId: number | undefined, trackId: string | undefined): void {
    const mediaTrack = this.#transport.slotTrack(mid);
    const former = this.#slots.get(mid);
    if (former && (former.stream !== streamId || former.track !== trackId)) {
      const stream = this.#streams.get(former.stream);
      const bound = stream?.tracks.find((track) => track.id === former.track);
      if (bound?.mediaTrack === mediaTrack) stream?.setTrack(former.track, { mediaTrack: undefined });
      this.#slots.delete(mid);
    }
    if (!streamId || !trackId) return;
    this.#slots.set(mid, { stream: streamId, track: trackId });
    this.#streams.get(streamId)?.setTrack(trackId, { mediaTrack });
  }

  #midOf(stream: number, track: string): string | undefined {
    for (const [mid, slot] of this.#slots) if (slot.stream === stream && slot.track === track) return mid;
    return undefined;
  }

  // The transport.

  #newTransport(slots?: Transport['slots']): Transport {
    const { iceServers, iceTransportPolicy } = this.#options;
    const name = this.#transports === 1 ? 'main' : `main-${this.#transports}`;
    const host: TransportHost = {
      request: (type, data) => this.#signal.request(type, data),
      live: () => this.#signal.live,
      channel: (channel) => this.#takeChannel(channel),
      changed: () => {
        if (this.#transport?.pc.iceConnectionState === 'disconnected') this.#signal.wake();
      },
      lost: () => this.#transportLost(name),
    };
    return new Transport(
      name,
      { iceServers: iceServers ?? this.#iceServers ?? [], iceTransportPolicy },
      host,
      slots,
    );
  }

  // Begins what a room of this mode needs, and ends what it does not.
  #chooseMode(): void {
    if (this.mode !== 'p2p') {
      this.#peers?.close();
      this.#peers = undefined;
      return;
    }
    this.#transport.close();
    this.#peers ??= new Peers({
      request: (type, data) => this.#signal.request(type, data),
      live: () => this.#signal.live,
      me: () => this.#me.id,
      codecs: () => this.codecs,
      configuration: () => ({
        iceServers: this.#options.iceServers ?? this.#iceServers ?? [],
        iceTransportPolicy: this.#options.iceTransportPolicy,
      }),
      wake: () => this.#signal.wake(),
      streamsOf: (publisher) => this.streamsOf(publisher),
      channel: (channel, publisher) => this.#takeChannel(channel, publisher),
      speakers: (speakers) => this.handle('speakers', { speakers }),
    });
  }

  #carrier(): Carrier {
    return this.#peers?.carrier() ?? new TransportCarrier(this.#transport);
  }

  // The session was rebuilt in a peer-to-peer room. Connections with the others live on, if they know this participant.
  #meetAgain(keepIds: boolean): void {
    const present = [...this.#participants.keys()].filter((id) => !this.#missingParticipants.has(id));
    this.#peers?.sessionRebuilt(present);
    for (const publication of this.#publications.values()) void publication.publish(this.#carrier(), keepIds);
    for (const stream of this.#streams.values()) {
      if (stream.wanted && !this.#missingStreams.has(stream.id)) this.#subscribeQuietly(stream);
    }
  }

  #startTransport(): void {
    this.#transport.start(this.codecs, this.#options.iceServers ? undefined : this.#iceServers);
  }

  // The connection is beyond repair, the session is not.
  #transportLost(name: string): void {
    if (this.#state === 'closed' || name !== this.#transport.name) return;
    this.#slots.clear();
    this.#replaceTransport(true);
    // What the former one carried is described anew first, so that the others notice little.
    const close = (): void => {
      this.#signal.request('close', { transport: name }).catch(() => {}); // the server may have closed it itself
    };
    this.#transport.answered().then(close, close);
  }

  #replaceTransport(keepIds: boolean): void {
    this.#transports++;
    this.#transport = this.#newTransport(this.#transport.slots);
    this.#startTransport();
    this.#wantedLayers.clear(); // what is published anew is wanted until something else is said
    for (const publication of this.#publications.values()) void publication.publish(this.#carrier(), keepIds);
    for (const stream of this.#streams.values()) {
      stream.unbound();
      this.#asked.delete(stream);
      if (stream.wanted && !this.#missingStreams.has(stream.id)) this.#subscribeQuietly(stream);
    }
  }

  #takeChannel(channel: RTCDataChannel, publisher?: string): void {
    const id = Number(/^stream:(\d+)$/.exec(channel.protocol)?.[1]);
    const stream = this.#streams.get(id);
    if (!stream?.wanted?.data || (publisher !== undefined && stream.publisherId !== publisher)) {
      channel.close();
      return;
    }
    const { ordered, maxRetransmits, maxPacketLifeTime } = channel;
    const options = {
      ordered,
      maxRetransmits: maxRetransmits ?? undefined,
      maxPacketLifeTime: maxPacketLifeTime ?? undefined,
    };
    const received = new Channel(channel.label, options, false);
    stream.addChannel(received); // the application hears of it before its first message
    received.attach(channel);
  }

  // The connections that carry something, with where what is on each.
  #connections(): Connection[] {
    if (!this.#peers) {
      return [
        {
          pc: this.#transport.pc,
          sentMid: (publication, track) => publication.midOf(track),
          receivedMid: (stream, track) => this.#midOf(stream.id, track),
        },
      ];
    }
    return [...this.#peers.pairs.values()].map((pair) => ({
      pc: pair.pc,
      participant: pair.participant,
      sentMid: ({ id }, track) => (id === undefined ? undefined : pair.sentMid(id, track)),
      receivedMid: (stream, track) =>
        stream.publisherId === pair.participant ? pair.receivedMid(stream.id, track) : undefined,
    }));
  }

  async #measure(): Promise<void> {
    if (this.#state === 'closed') return;
    const transport = this.#transport;
    const peers = this.#peers;
    const measured = await this.#meters.read(this.#connections()).catch(() => undefined);
    if (!measured || transport !== this.#transport) return;
    const former = this.#quality;
    this.#quality = assess(measured, peers ? peers.connected : transport.connected);
    if (former.level !== this.#quality.level) this.emit('quality', this.#quality);
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw new TertuliaError('closed', 'The room was left.');
  }
}

// The layers that the server says it forwards, by stream and track.
function layersOf(transports: Json | undefined): Map<string, Layer> {
  const layers = new Map<string, Layer>();
  for (const each of (transports ?? []) as unknown as ServerTransport[]) {
    for (const { stream, track, layer } of each.router?.subscribed ?? []) {
      if (layer) layers.set(`${stream} ${track}`, layer);
    }
  }
  return layers;
}

interface ServerTransport {
  router?: { subscribed?: { stream?: number; track?: string; layer?: Layer }[] };
}

function idOf(participant: Participant | string): string {
  return typeof participant === 'string' ? participant : participant.id;
}

function participantOf(wire: WireParticipant): Participant {
  const { id, user, role, permissions = [], metadata = {} } = wire;
  return { id, user, role, permissions, metadata };
}

function sameTracks(stream: RemoteStream, wire: WireStream): boolean {
  const ids = (wire.tracks ?? []).map(({ id, kind }) => `${kind} ${id}`).join();
  return ids === stream.tracks.map(({ id, kind }) => `${kind} ${id}`).join();
}

/** What options ask for of a stream. */
export function wantedOf(
  stream: Pick<RemoteStream, 'tracks' | 'hasData'>,
  options: SubscribeOptions,
): Wanted {
  const { audio = true, video = true, data = stream.hasData, tracks } = options;
  const wants = (track: RemoteTrack): boolean =>
    tracks ? tracks.includes(track.id) : track.kind === 'audio' ? audio : video;
  const ids = stream.tracks.filter(wants).map((track) => track.id);
  return { tracks: ids.length === stream.tracks.length ? undefined : ids, data };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// crypto.randomUUID is there on secure origins only; a viewer may come by plain HTTP.
function newUUID(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
