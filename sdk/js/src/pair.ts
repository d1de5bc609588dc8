// The connection with one other participant of a peer-to-peer room: what is sent on it, what comes, and its repair.

import { offerData } from './data-section.js';
import type { LocalStream, LocalTrack } from './local-stream.js';
import { type Described, isImpolite, Negotiation, type Step } from './negotiation.js';
import type { PeerSignal, PeerTrack } from './peer-signal.js';
import { isConnected, Repair } from './repair.js';
import { Sending } from './sending.js';
import { Superseded } from './session.js';
import type { Signal } from './signal.js';
import { dBov, type Heard } from './speaking.js';
import { preferCodecs } from './transport.js';

/** Times, milliseconds. */
const gatherFor = 50; // so that candidates go together
const politeWaits = 1_500; // longer than the other: one ICE restart is enough
const renewEvery = 3_000; // at most, when a description cannot be used
const followEvery = 1_000; // at most, when the other begins anew
const maxHeld = 64; // signals: an offer and its candidates are a few

/** What a pair needs of its room. */
export interface PairHost {
  request: Signal['request'];
  /** Whether the signalling is there. */
  live: () => boolean;
  configuration: () => RTCConfiguration;
  codecs: () => readonly string[];
  /** What the other sends may have changed, or how it arrives. */
  changed: (pair: Pair) => void;
  /** There is a new connection, on which nothing is open yet. */
  begun: () => void;
  channel: (channel: RTCDataChannel) => void;
}

/** A track of a stream on the connection. */
interface Sent {
  stream: number;
  track: LocalTrack;
  transceiver: RTCRtpTransceiver;
  /** The section in which it was described, which a transceiver forgets when the other refuses it. */
  mid?: string;
}

/** What of a stream the other wants. */
interface Wanted {
  stream: LocalStream;
  tracks: readonly LocalTrack[];
}

/** A pair of this participant and another. */
export class Pair {
  readonly participant: string;
  readonly #impolite: boolean;
  readonly #host: PairHost;
  #pc!: RTCPeerConnection;
  #negotiation!: Negotiation<RTCIceCandidateInit, readonly PeerTrack[]>;
  /** Which of our connections with the other this is, and which of its own the other speaks of. */
  #connection = 0;
  #peer: number | undefined;
  #begunAt = 0;
  #closed = false;

  readonly #wanted = new Map<number, Wanted>();
  #sent: Sent[] = [];
  #free: RTCRtpTransceiver[] = [];
  #received = new Map<string, PeerTrack>(); // by mid

  // Signals go one after the other, so that their order is kept when one has to be sent again.
  #outbox: PeerSignal[] = [];
  #sending = false;
  #gathered: RTCIceCandidateInit[] = [];
  #gatherTimer: ReturnType<typeof setTimeout> | undefined;

  readonly #repair: Repair;
  #renewTimer: ReturnType<typeof setTimeout> | undefined;
  #beyondRepair = false;
  #held: PeerSignal[] = [];
  #heldTimer: ReturnType<typeof setTimeout> | undefined;

  /** former: how many connections there were with the other before; it may still think that the last one stands. */
  constructor(own: string, participant: string, host: PairHost, former = 0) {
    this.participant = participant;
    this.#impolite = isImpolite(own, participant);
    this.#host = host;
    this.#connection = former;
    this.#repair = new Repair({
      state: () => this.#pc.iceConnectionState,
      live: host.live,
      restart: () => {
        this.#pc.restartIce();
        this.#need();
      },
      giveUp: () => this.#renewSoon(false),
      patience: this.#impolite ? 0 : politeWaits,
    });
    this.#begin();
    if (former > 0) this.#need(); // so that it is told, even where nothing is sent
  }

  /** Which of our connections with the other this is, from 1. */
  get connection(): number {
    return this.#connection;
  }

  get pc(): RTCPeerConnection {
    return this.#pc;
  }

  get connected(): boolean {
    return isConnected(this.#pc.iceConnectionState);
  }

  /** Whether anything is to go either way. */
  get used(): boolean {
    return this.#wanted.size > 0 || this.#received.size > 0;
  }

  /** Sends these tracks of a stream, and no others of it. */
  send(id: number, stream: LocalStream, tracks: readonly LocalTrack[]): void {
    this.#wanted.set(id, { stream, tracks });
    this.#apply();
  }

  /** Sends nothing of a stream any more. */
  withdraw(id: number): void {
    if (this.#wanted.delete(id)) this.#apply();
  }

  /** Ids of the streams of which something is sent, or a channel may be open. */
  get sends(): readonly number[] {
    return [...this.#wanted.keys()];
  }

  /** A track has another device, or none. */
  async replaced(id: number, track: LocalTrack): Promise<void> {
    const sent = this.#sent.find((each) => each.stream === id && each.track.id === track.id);
    if (!sent || isStopped(sent.transceiver)) return;
    await sent.transceiver.sender.replaceTrack(track.mediaTrack ?? null);
  }

  openChannel(label: string, init: RTCDataChannelInit): RTCDataChannel {
    this.#negotiation.begin(); // the first offer has the section
    this.#run();
    return this.#pc.createDataChannel(label, init);
  }

  /** The m-section that carries an own track. */
  sentMid(id: number, trackId: string): string | undefined {
    return (
      this.#sent.find((each) => each.stream === id && each.track.id === trackId)?.transceiver.mid ?? undefined
    );
  }

  /** The m-section in which a track of the other comes. */
  receivedMid(id: number, trackId: string): string | undefined {
    for (const [mid, { stream, track }] of this.#received) if (stream === id && track === trackId) return mid;
    return undefined;
  }

  /** What the other sends, with the browser's track of it; without one, nothing was agreed on that could be decoded. */
  received(): { stream: number; track: string; mediaTrack: MediaStreamTrack | undefined }[] {
    return [...this.#received].map(([mid, { stream, track }]) => {
      // A section that was refused is not among them any more, or not a receiving one.
      const transceiver = this.#pc.getTransceivers().find((each) => each.mid === mid);
      const agreed =
        transceiver?.currentDirection === 'recvonly' || transceiver?.currentDirection === 'sendrecv';
      return { stream, track, mediaTrack: agreed ? transceiver.receiver.track : undefined };
    });
  }

  /**
   * How loud the audio is that comes, of tracks that the other may speak of, and that goes, of tracks that are not known
   * already.
   */
  async levels(
    heeds: (stream: number, track: string) => boolean,
    known: (stream: number, track: string) => boolean,
  ): Promise<Heard[]> {
    const levels: Heard[] = [];
    for (const [mid, { stream, track }] of this.#received) {
      if (!heeds(stream, track)) continue;
      const receiver = this.#pc.getTransceivers().find((each) => each.mid === mid)?.receiver;
      if (receiver?.track.kind !== 'audio') continue;
      const loudness = receiver.getSynchronizationSources?.()[0]?.audioLevel;
      if (loudness !== undefined) levels.push({ stream, track, level: dBov(loudness) });
    }
    for (const { stream, track, transceiver } of this.#sent) {
      if (track.kind !== 'audio' || known(stream, track.id)) continue;
      const report: unknown = await transceiver.sender.getStats?.().catch(() => undefined);
      for (const [, stats] of (report ?? []) as Iterable<[string, { type: string; audioLevel?: number }]>) {
        if (stats.type !== 'media-source' || stats.audioLevel === undefined) continue;
        levels.push({ stream, track: track.id, level: track.muted ? -127 : dBov(stats.audioLevel) });
      }
    }
    return levels;
  }

  /** The other said something. */
  hear(signal: PeerSignal): void {
    if (this.#closed) return;
    if (signal.peer !== undefined && signal.peer !== this.#connection) return; // for one that is no more
    if (signal.connection < (this.#peer ?? 0)) return;
    // The other may have begun anew because this side had: were that followed, each would follow the other for ever.
    const anew = this.#peer !== undefined && signal.connection > this.#peer;
    if (anew && !(signal.peer !== undefined && this.#negotiation.anew())) {
      // One who does so again and again is followed once in a while.
      const wait = this.#begunAt + followEvery - Date.now();
      if (wait > 0 || this.#heldTimer !== undefined) return this.#hold(signal, wait);
      this.#renew();
    }
    this.#peer = signal.connection;
    if (signal.description) {
      const described: Described = { ...signal.description, offer: signal.offer ?? 0 };
      this.#negotiation.describe(described, signal.tracks ?? []);
    }
    if (signal.candidates) this.#negotiation.candidates(signal.candidates);
    if (!signal.description && !signal.candidates) this.#negotiation.asked();
    this.#run();
  }

  // Keeps what is said for the other's newest connection until it may be followed.
  #hold(signal: PeerSignal, wait: number): void {
    const newest = this.#held[0]?.connection ?? 0;
    if (signal.connection < newest) return;
    if (signal.connection > newest) this.#held = [];
    if (this.#held.length < maxHeld) this.#held.push(signal);
    this.#heldTimer ??= setTimeout(() => {
      this.#heldTimer = undefined;
      for (const held of this.#held.splice(0)) this.hear(held);
    }, wait);
  }

  /** The session was rebuilt and the other is there: what was under way between the two is lost. */
  sessionRebuilt(): void {
    this.#outbox = [];
    this.#negotiation.lost();
    if (this.#impolite) this.#need();
    else this.#run();
  }

  /** The signalling is back after a cut. */
  signallingBack(): void {
    this.#repair.signallingBack();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#heldTimer);
    this.#repair.close();
    this.#end();
    this.#received.clear();
    this.#outbox = [];
  }

  // Makes a connection, and puts everything on it that is to be sent.
  #begin(): void {
    this.#connection++;
    this.#begunAt = Date.now();
    this.#peer = undefined;
    this.#beyondRepair = false;
    this.#sent = [];
    this.#free = [];
    this.#received = new Map();
    this.#negotiation = new Negotiation(this.#impolite);
    const pc = newConnection(this.#host.configuration());
    this.#pc = pc;
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#gather(candidate.toJSON());
    };
    pc.ondatachannel = ({ channel }) => this.#host.channel(channel);
    pc.oniceconnectionstatechange = () => {
      this.#repair.watch();
      this.#host.changed(this);
    };
    pc.onconnectionstatechange = () => {
      // ICE has its own repair; a failed DTLS has none.
      if (pc.connectionState === 'failed' && pc.iceConnectionState !== 'failed') this.#renewSoon();
    };
    this.#apply();
  }

  #end(): void {
    this.#repair.reset();
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    this.#gathered = [];
    const pc = this.#pc;
    pc.onicecandidate = pc.ondatachannel = pc.oniceconnectionstatechange = pc.onconnectionstatechange = null;
    pc.close();
  }

  // The connection is beyond repair, or the other has made a new one.
  #renew(): void {
    if (this.#closed) return;
    clearTimeout(this.#renewTimer);
    this.#renewTimer = undefined;
    this.#end();
    this.#outbox = [];
    this.#begin();
    this.#host.begun();
    this.#host.changed(this);
  }

  // anyway: also when ICE has found its way by then.
  #renewSoon(anyway = true): void {
    this.#beyondRepair ||= anyway;
    this.#renewTimer ??= setTimeout(
      () => {
        this.#renewTimer = undefined;
        if (this.connected && !this.#beyondRepair) return;
        this.#renew();
        // The other learns of it by an offer, even where nothing is sent.
        this.#need();
      },
      renewEvery * (0.5 + Math.random() / 2),
    );
  }

  // Brings the sections in line with what is wanted.
  #apply(): void {
    let changed = false;
    const stays = ({ stream, track }: Sent): boolean =>
      this.#wanted.get(stream)?.tracks.some(({ id }) => id === track.id) ?? false;
    for (const { transceiver } of this.#sent.filter((each) => !stays(each))) {
      changed = true;
      if (isStopped(transceiver)) continue;
      void transceiver.sender.replaceTrack(null).catch(warn);
      transceiver.direction = 'inactive';
      this.#free.push(transceiver);
    }
    this.#sent = this.#sent.filter(stays);
    for (const [id, { stream, tracks }] of this.#wanted) {
      for (const track of tracks) {
        if (this.#sent.some((each) => each.stream === id && each.track.id === track.id)) continue;
        this.#sent.push({ stream: id, track, transceiver: this.#add(stream, track) });
        changed = true;
      }
    }
    if (changed) this.#need();
  }

  #add(stream: LocalStream, track: LocalTrack): RTCRtpTransceiver {
    const index = this.#free.findIndex((each) => each.receiver.track.kind === track.kind && !isStopped(each));
    const [free] = index >= 0 ? this.#free.splice(index, 1) : [];
    if (free) {
      free.direction = 'sendonly';
      preferCodecs(free, track.kind, this.#host.codecs());
      void free.sender.replaceTrack(track.mediaTrack ?? null).catch(warn);
      // Not in the bitrate of the stream before.
      void new Sending(free, [stream.plainEncoding(track)]).apply();
      return free;
    }
    const transceiver = this.#pc.addTransceiver(track.mediaTrack ?? track.kind, {
      direction: 'sendonly',
      sendEncodings: [stream.plainEncoding(track)],
    });
    preferCodecs(transceiver, track.kind, this.#host.codecs());
    return transceiver;
  }

  #need(): void {
    this.#negotiation.need();
    this.#run();
  }

  // Not at once: what is changed or heard in one turn counts together.
  #run(): void {
    queueMicrotask(() => void this.#steps(this.#negotiation));
  }

  async #steps(negotiation: Negotiation<RTCIceCandidateInit, readonly PeerTrack[]>): Promise<void> {
    while (!this.#closed && negotiation === this.#negotiation) {
      const step = negotiation.next();
      if (!step) return;
      try {
        await this.#carryOut(this.#pc, step);
      } catch (error) {
        if (this.#closed || negotiation !== this.#negotiation) return;
        warn(error);
        this.#renewSoon();
      } finally {
        negotiation.done();
      }
    }
  }

  async #carryOut(
    pc: RTCPeerConnection,
    step: Step<RTCIceCandidateInit, readonly PeerTrack[]>,
  ): Promise<void> {
    this.#repair.expect();
    switch (step.do) {
      case 'ask':
        this.#say({});
        break;
      case 'offer':
        // From the first offer on, which nothing takes back; and there is always one section that no side refuses.
        if (this.#impolite) offerData(pc);
        await pc.setLocalDescription(await pc.createOffer());
        this.#describe(pc, step.offer);
        break;
      case 'accept':
        await pc.setRemoteDescription({ type: 'offer', sdp: step.sdp });
        await pc.setLocalDescription(await pc.createAnswer());
        this.#describe(pc, step.offer);
        this.#hears(pc, step.extra);
        break;
      case 'complete':
        await pc.setRemoteDescription({ type: 'answer', sdp: step.sdp });
        this.#hears(pc, step.extra);
        break;
      case 'repeat':
        this.#describe(pc, step.offer); // with the candidates that there are by now
        break;
      case 'candidates':
        for (const candidate of step.candidates) await pc.addIceCandidate(candidate).catch(() => {});
        break;
    }
  }

  #describe(pc: RTCPeerConnection, offer: number): void {
    const description = pc.localDescription;
    if (pc !== this.#pc || !description || (description.type !== 'offer' && description.type !== 'answer'))
      return;
    // What was added meanwhile comes with the next offer.
    for (const sent of this.#sent) {
      const { mid } = sent.transceiver;
      if (mid !== null && description.sdp.includes(`a=mid:${mid}\r\n`)) sent.mid = mid;
    }
    // What was refused is named all the same: so the other knows that it is there, and cannot be decoded.
    const tracks = this.#sent.flatMap(({ stream, track, mid, transceiver }) =>
      mid !== undefined && (mid === transceiver.mid || isStopped(transceiver))
        ? [{ mid, stream, track: track.id }]
        : [],
    );
    this.#say({ description: { type: description.type, sdp: description.sdp }, offer, tracks });
  }

  #hears(pc: RTCPeerConnection, tracks: readonly PeerTrack[]): void {
    if (pc !== this.#pc) return;
    this.#received = new Map(tracks.map((each) => [each.mid, each]));
    this.#host.changed(this);
  }

  #gather(candidate: RTCIceCandidateInit): void {
    this.#gathered.push(candidate);
    this.#gatherTimer ??= setTimeout(() => {
      this.#gatherTimer = undefined;
      this.#say({ candidates: this.#gathered.splice(0) });
    }, gatherFor);
  }

  #say(what: Omit<PeerSignal, 'connection' | 'peer'>): void {
    this.#outbox.push({ connection: this.#connection, peer: this.#peer, ...what });
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    for (let signal = this.#outbox[0]; signal && !this.#closed; signal = this.#outbox[0]) {
      try {
        await this.#host.request('signal', { to: this.participant, data: signal });
      } catch (error) {
        const code = (error as { code?: string }).code;
        if (code === 'too-fast' || code === 'unavailable') {
          await new Promise((resolve) => setTimeout(resolve, 1_000 + Math.random() * 2_000));
          continue; // the same again, unless it is not of use any more
        }
        // The other has left, or is not back yet; then it is told anew what it must know.
        if (code !== 'not-found' && code !== 'closed' && !(error instanceof Superseded)) warn(error);
      }
      if (this.#outbox[0] === signal) this.#outbox.shift();
    }
    this.#sending = false;
  }
}

// The other refused its section, having no codec in common with us: it is of no use any more, and must not be touched.
function isStopped({ direction }: RTCRtpTransceiver): boolean {
  return direction === 'stopped';
}

// A browser may not like an ICE server (a port that it blocks, say): then it has to do without.
function newConnection(configuration: RTCConfiguration): RTCPeerConnection {
  const common: RTCConfiguration = { bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' };
  try {
    return new RTCPeerConnection({ ...common, ...configuration });
  } catch (error) {
    warn(error);
    return new RTCPeerConnection({ ...common, ...configuration, iceServers: [] });
  }
}

function warn(error: unknown): void {
  console.warn('tertulia:', error);
}
