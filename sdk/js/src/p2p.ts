// The media of a peer-to-peer room: a pair with each other participant, and which stream goes to whom.

import { type Carrier, describe } from './carrier.js';
import type { Channel } from './channel.js';
import { Fanout } from './fanout.js';
import type { LocalStream, LocalTrack } from './local-stream.js';
import { Pair, type PairHost } from './pair.js';
import { readSignal } from './peer-signal.js';
import type { Events, PublishTrack } from './protocol.js';
import type { RemoteStream } from './remote-stream.js';
import { type Heard, Speaking } from './speaking.js';

/** After a session was rebuilt, who does not ask for a stream again within this time wants it no more; milliseconds. */
const askAgainWithin = 10_000;

/** How often it is looked at who speaks, milliseconds. */
const listenEvery = 300;

/** What the peers need of their room. */
export interface PeersHost extends Pick<PairHost, 'request' | 'live' | 'configuration' | 'codecs'> {
  /** This participant's id. */
  me: () => string;
  streamsOf: (publisher: string) => readonly RemoteStream[];
  channel: (channel: RTCDataChannel, publisher: string) => void;
  /** Who speaks now, loudest first. */
  speakers: (speakers: Heard[]) => void;
  /** The network may have changed. */
  wake: () => void;
}

/** What one participant receives of an own stream. */
interface Subscriber {
  tracks: readonly string[] | undefined;
  data: boolean;
}

/** An own stream that is published. */
interface Published {
  stream: LocalStream;
  channels: Map<Channel, Fanout>;
}

/** The connections of this participant in a peer-to-peer room. */
export class Peers {
  readonly #host: PeersHost;
  readonly #pairs = new Map<string, Pair>();
  /** How many connections there were with those who are gone: some come back under their id. */
  readonly #counts = new Map<string, number>();
  readonly #published = new Map<number, Published>();
  /** By stream and participant; told before or after the stream counts as published here. */
  readonly #subscribers = new Map<number, Map<string, Subscriber>>();
  #askAgainTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #speaking = new Speaking();
  #listenTimer: ReturnType<typeof setInterval> | undefined;

  constructor(host: PeersHost) {
    this.#host = host;
  }

  get pairs(): ReadonlyMap<string, Pair> {
    return this.#pairs;
  }

  /** Whether the network is there: of the connections that are to carry something, one does. */
  get connected(): boolean {
    const used = [...this.#pairs.values()].filter((pair) => pair.used);
    return used.length === 0 || used.some((pair) => pair.connected);
  }

  /** Carries a stream to whoever subscribes to it. */
  carrier(): Carrier {
    return new PeersCarrier(this);
  }

  // Own streams.

  publish(id: number, stream: LocalStream): void {
    if (this.#published.get(id)?.stream !== stream) {
      this.unpublish(stream); // it had another id before the session was rebuilt
      this.#published.set(id, { stream, channels: new Map() });
    }
    for (const participant of this.#subscribers.get(id)?.keys() ?? []) this.#serve(id, participant);
  }

  unpublish(stream: LocalStream): void {
    for (const [id, published] of this.#published) {
      if (published.stream !== stream) continue;
      for (const fanout of published.channels.values()) fanout.close();
      this.#published.delete(id);
      this.#subscribers.delete(id);
      for (const pair of this.#pairs.values()) pair.withdraw(id);
    }
  }

  async replaced(id: number, track: LocalTrack): Promise<void> {
    await Promise.all([...this.#pairs.values()].map((pair) => pair.replaced(id, track)));
  }

  open(channel: Channel, id: number): void {
    const published = this.#published.get(id);
    if (!published) return;
    let fanout = published.channels.get(channel);
    if (!fanout) {
      const made = (fanout = new Fanout(channel.options));
      published.channels.set(channel, made);
      channel.on('close', () => {
        made.close(); // the channel may be detached from it just now
        published.channels.delete(channel);
      });
      for (const participant of this.#subscribers.get(id)?.keys() ?? []) this.#serve(id, participant);
    }
    channel.attach(fanout); // what waited goes to those who receive by now
  }

  // What the server tells.

  subscribed({ stream, participant, tracks, data = false }: Events['stream-subscribed']): void {
    let subscribers = this.#subscribers.get(stream);
    if (!subscribers) this.#subscribers.set(stream, (subscribers = new Map()));
    subscribers.set(participant, { tracks, data });
    this.#serve(stream, participant);
  }

  unsubscribed({ stream, participant }: Events['stream-unsubscribed']): void {
    this.#subscribers.get(stream)?.delete(participant);
    this.#pairs.get(participant)?.withdraw(stream);
    for (const fanout of this.#published.get(stream)?.channels.values() ?? []) fanout.remove(participant);
  }

  heard({ from, data }: Events['signal']): void {
    const signal = readSignal(data);
    if (signal) this.#pair(from).hear(signal);
  }

  /** A participant is gone: for good, or until a server that was started again has it back. */
  left(participant: string): void {
    const pair = this.#pairs.get(participant);
    if (pair) this.#counts.set(participant, pair.connection);
    pair?.close();
    this.#pairs.delete(participant);
    for (const subscribers of this.#subscribers.values()) subscribers.delete(participant);
    for (const { channels } of this.#published.values()) {
      for (const fanout of channels.values()) fanout.remove(participant);
    }
  }

  /** What is received of a participant, or wanted of it, may be something else now. */
  wants(participant: string): void {
    const pair = this.#pairs.get(participant);
    if (pair) this.#bind(pair);
  }

  /** The signalling is back after a cut. */
  signallingBack(): void {
    for (const pair of this.#pairs.values()) pair.signallingBack();
  }

  /** The session was rebuilt; these participants are back already. Connections live on. */
  sessionRebuilt(present: Iterable<string>): void {
    this.#subscribers.clear();
    for (const participant of present) this.returned(participant);
    clearTimeout(this.#askAgainTimer);
    this.#askAgainTimer = setTimeout(() => {
      for (const [participant, pair] of this.#pairs) {
        for (const id of pair.sends) {
          if (!this.#subscribers.get(id)?.has(participant)) this.unsubscribed({ stream: id, participant });
        }
      }
    }, askAgainWithin);
  }

  /** A participant is back after the session was rebuilt, or after it counted as gone. */
  returned(participant: string): void {
    const pair = this.#pairs.get(participant);
    if (pair) pair.sessionRebuilt();
    else if (this.#counts.has(participant)) this.#pair(participant);
  }

  /** Ends all connections. */
  close(): void {
    clearTimeout(this.#askAgainTimer);
    clearInterval(this.#listenTimer);
    this.#listenTimer = undefined;
    for (const participant of [...this.#pairs.keys()]) this.left(participant);
    for (const { stream } of [...this.#published.values()]) this.unpublish(stream);
    this.#subscribers.clear();
    this.#counts.clear();
  }

  #pair(participant: string): Pair {
    let pair = this.#pairs.get(participant);
    if (!pair) {
      const { request, live, configuration, codecs } = this.#host;
      const host: PairHost = {
        request,
        live,
        configuration,
        codecs,
        changed: (changed) => {
          this.#bind(changed);
          if (changed.pc.iceConnectionState === 'disconnected') this.#host.wake();
        },
        begun: () => this.#begun(participant),
        channel: (channel) => this.#host.channel(channel, participant),
      };
      pair = new Pair(this.#host.me(), participant, host, this.#counts.get(participant));
      this.#pairs.set(participant, pair);
      this.#listenTimer ??= setInterval(() => void this.#listen(), listenEvery);
    }
    return pair;
  }

  async #listen(): Promise<void> {
    const levels = new Map<string, Heard>(); // what goes to several counts once
    const known = (stream: number, track: string): boolean => levels.has(`${stream} ${track}`);
    for (const pair of this.#pairs.values()) {
      const heeds = (stream: number, track: string): boolean =>
        this.#host
          .streamsOf(pair.participant)
          .some(({ id, tracks }) => id === stream && tracks.some((each) => each.id === track));
      for (const heard of await pair.levels(heeds, known))
        levels.set(`${heard.stream} ${heard.track}`, heard);
    }
    const speakers = this.#speaking.hear(Date.now(), [...levels.values()]);
    if (speakers && this.#listenTimer !== undefined) this.#host.speakers(speakers);
  }

  // Sends to a subscriber what it wants.
  #serve(id: number, participant: string): void {
    const subscriber = this.#subscribers.get(id)?.get(participant);
    const published = this.#published.get(id);
    if (!subscriber || !published) return;
    const { stream, channels } = published;
    const { tracks, data } = subscriber;
    const pair = this.#pair(participant);
    pair.send(
      id,
      stream,
      stream.tracks.filter((track) => !tracks || tracks.includes(track.id)),
    );
    for (const [channel, fanout] of channels) {
      if (!data) fanout.remove(participant);
      else if (!fanout.knows(participant)) {
        fanout.add(
          participant,
          pair.openChannel(channel.label, { ...channel.options, protocol: `stream:${id}` }),
        );
      }
    }
  }

  // The connection with a participant was made anew: channels have to be opened again.
  #begun(participant: string): void {
    for (const stream of this.#host.streamsOf(participant)) {
      for (const channel of [...stream.channels]) channel.close();
    }
    for (const [id, { channels }] of this.#published) {
      for (const fanout of channels.values()) fanout.remove(participant);
      this.#serve(id, participant);
    }
  }

  // Gives streams the tracks that come of them.
  #bind(pair: Pair): void {
    const received = pair.received();
    for (const stream of this.#host.streamsOf(pair.participant)) {
      for (const { id, state, mediaTrack: former } of stream.tracks) {
        if (state === 'none') continue; // not asked for
        const found = received.find((each) => each.stream === stream.id && each.track === id);
        const { mediaTrack } = found ?? {};
        if (found && !mediaTrack) {
          const reason = 'This browser and that of the publisher have no codec in common.';
          stream.setTrack(id, { mediaTrack, state: 'codec-unsupported', reason });
        } else if (mediaTrack && pair.connected) {
          stream.setTrack(id, { mediaTrack, state: 'active', reason: undefined });
        } else {
          // A picture stays until there is another.
          const stays = mediaTrack ?? (former?.readyState === 'live' && !pair.connected ? former : undefined);
          stream.setTrack(id, { mediaTrack: stays, state: 'waiting', reason: undefined });
        }
      }
    }
  }
}

/** Carries one stream to its subscribers. */
class PeersCarrier implements Carrier {
  readonly closed = false;
  readonly #peers: Peers;
  #stream: LocalStream | undefined;
  #id: number | undefined;

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  async take(stream: LocalStream): Promise<PublishTrack[]> {
    this.#stream = stream;
    return stream.tracks.map(describe);
  }

  async negotiated(): Promise<void> {}

  published(id: number): void {
    this.#id = id;
    if (this.#stream) this.#peers.publish(id, this.#stream);
  }

  midOf(): undefined {
    return undefined; // there is one for each subscriber
  }

  async replaced(track: LocalTrack): Promise<void> {
    if (this.#id !== undefined) await this.#peers.replaced(this.#id, track);
  }

  layersWanted(): void {}

  open(channel: Channel, id: number): void {
    this.#peers.open(channel, id);
  }

  release(): void {
    if (this.#stream) this.#peers.unpublish(this.#stream);
    this.#id = undefined;
  }
}
