// Connections between participants without media: what negotiation can see of a browser's RTCPeerConnection, which refuses
// what browsers refuse; and a server that announces streams and passes on signals.

import type { Joined, WireStream } from '../src/protocol.js';
import { type ConnectOptions, Room } from '../src/room.js';
import { Superseded } from '../src/session.js';
import type { Signal } from '../src/signal.js';

interface Section {
  mid: string;
  kind: string;
  /** As the one who described it has it. */
  direction: string;
  rejected: boolean;
}

class FakeTransceiver {
  mid: string | null = null;
  #direction: string;
  currentDirection: string | null = null;
  stopped = false;
  readonly sender: {
    track: unknown;
    replaceTrack: (track: unknown) => Promise<void>;
    getStats?: () => Promise<unknown>;
    getParameters: () => { encodings: object[] };
    setParameters: (parameters: { encodings: object[] }) => Promise<void>;
  };
  readonly receiver: {
    track: { kind: string; id: string; readyState: string };
    getSynchronizationSources?: () => { audioLevel: number }[];
  };

  constructor(kind: string, direction: string, track: unknown, id: string, encodings: object[]) {
    this.#direction = direction;
    this.sender = {
      track,
      replaceTrack: async (next) => {
        if (this.stopped) throw new Error('the transceiver is stopped');
        this.sender.track = next;
      },
      getParameters: () => ({ encodings: encodings.map((each) => ({ ...each })) }),
      setParameters: async (parameters) => {
        encodings = parameters.encodings;
      },
    };
    this.receiver = { track: { kind, id, readyState: 'live' } };
  }

  get direction(): string {
    return this.stopped ? 'stopped' : this.#direction;
  }

  set direction(direction: string) {
    if (this.stopped) throw new Error('the transceiver is stopped');
    this.#direction = direction;
  }
}

const other: Record<string, string> = { sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/** What a connection refuses to decode; tests fill it. */
export const undecodable = new Set<string>();

export class FakePeerConnection {
  static all: FakePeerConnection[] = [];
  signalingState = 'stable';
  iceConnectionState = 'new';
  connectionState = 'new';
  localDescription: { type: string; sdp: string } | null = null;
  readonly configuration: unknown;
  channels: FakeDataChannel[] = [];
  sctp: object | null = null;
  iceRestarts = 0;
  closed = false;
  onicecandidate: ((event: unknown) => void) | null = null;
  ondatachannel: ((event: unknown) => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  candidates: unknown[] = [];
  #transceivers: FakeTransceiver[] = [];
  #fresh = new Set<FakeTransceiver>(); // whose mid is not agreed on
  #mids = 0;
  #agreed = false; // on anything
  #setting = false; // a description
  #data = false;
  #dataOffered = false;
  readonly #ids = new Set<number>(); // of negotiated channels
  readonly #id = FakePeerConnection.all.length;

  constructor(configuration?: unknown) {
    this.configuration = configuration;
    FakePeerConnection.all.push(this);
  }

  getTransceivers = (): FakeTransceiver[] => this.#transceivers.filter(({ stopped }) => !stopped);
  getConfiguration = (): unknown => this.configuration;
  setConfiguration = (): void => {};

  addTransceiver(
    track: string | { kind: string },
    { direction, sendEncodings = [{}] }: { direction: string; sendEncodings?: object[] },
  ): FakeTransceiver {
    const kind = typeof track === 'string' ? track : track.kind;
    const id = `${this.#id}-${this.#transceivers.length}`;
    const sent = typeof track === 'string' ? null : track;
    const made = new FakeTransceiver(kind, direction, sent, id, sendEncodings);
    this.#transceivers.push(made);
    return made;
  }

  async createOffer(): Promise<{ type: string; sdp: string }> {
    await Promise.resolve();
    return { type: 'offer', sdp: '' };
  }
  async createAnswer(): Promise<{ type: string; sdp: string }> {
    await Promise.resolve();
    if (this.signalingState !== 'have-remote-offer') throw new Error('there is nothing to answer');
    return { type: 'answer', sdp: '' };
  }

  async setLocalDescription({ type }: { type: string }): Promise<void> {
    this.#setting = true;
    await Promise.resolve();
    this.#setting = false;
    if (this.closed) throw new Error('closed');
    if (type === 'rollback') {
      if (this.signalingState !== 'have-local-offer') throw new Error('there is nothing to take back');
      this.#rollback();
      return;
    }
    if (type === 'offer') {
      if (this.signalingState === 'have-remote-offer') throw new Error('an offer before an answer');
      for (const each of this.getTransceivers()) {
        if (each.mid !== null) continue;
        each.mid = `${this.#id}:${this.#mids++}`;
        this.#fresh.add(each);
      }
      this.signalingState = 'have-local-offer';
      this.#dataOffered = this.#data;
    } else {
      this.signalingState = 'stable';
      for (const each of this.getTransceivers())
        if (each.mid !== null) each.currentDirection = each.direction;
    }
    this.localDescription = { type, sdp: this.#describe() };
    if (type === 'answer') this.#forgetStopped();
    queueMicrotask(() => this.onicecandidate?.({ candidate: candidateOf(this.#id) }));
  }

  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.#setting = true;
    await Promise.resolve();
    this.#setting = false;
    if (this.closed) throw new Error('closed');
    this.#remoteDescription(type, sdp);
    this.#agreed = true;
  }

  #remoteDescription(type: string, sdp: string): void {
    const sections: Section[] = JSON.parse(sdp.split('\r\n')[0]!);
    if (type === 'answer') {
      if (this.signalingState !== 'have-local-offer') throw new Error(`an answer in ${this.signalingState}`);
      this.#fresh.clear();
      if (this.#dataOffered) this.sctp = {};
      for (const section of sections) {
        const mine = this.#transceivers.find(({ mid }) => mid === section.mid);
        if (!mine) throw new Error('the answer is to something else');
        mine.stopped ||= section.rejected;
        mine.currentDirection = other[section.direction] ?? 'inactive';
      }
      this.signalingState = 'stable';
      this.#forgetStopped();
    } else {
      if (this.signalingState === 'have-local-offer') {
        // The transport would go with it, and in Chromium may never come again.
        if (!this.#agreed) throw new Error('the first offer is taken back');
        this.#rollback();
      }
      for (const section of sections) {
        let mine = this.#transceivers.find(({ mid }) => mid === section.mid);
        if (!mine) {
          mine = this.addTransceiver(section.kind, { direction: 'recvonly' });
          mine.mid = section.mid;
          mine.stopped = undecodable.has(section.kind);
        }
        if (mine.stopped) continue;
        // Ours are what we made; theirs follow what they send.
        if (section.direction === 'sendonly') mine.direction = 'recvonly';
        else if (section.direction === 'inactive' && mine.direction === 'recvonly')
          mine.direction = 'inactive';
      }
      if (this.#transceivers.some(({ mid }) => mid !== null && !sections.some((each) => each.mid === mid)))
        throw new Error('the offer forgets a section');
      this.signalingState = 'have-remote-offer';
    }
  }

  async addIceCandidate(candidate: unknown): Promise<void> {
    this.candidates.push(candidate);
  }

  createDataChannel(
    label: string,
    init: { protocol?: string; negotiated?: boolean; id?: number },
  ): FakeDataChannel {
    if (init.negotiated && this.#ids.has(init.id!)) throw new Error('the id is in use');
    if (init.negotiated) this.#ids.add(init.id!);
    const channel = new FakeDataChannel(label, init.protocol ?? '');
    if (!this.#setting) this.#data = true; // Firefox forgets it in the middle of something
    if (!init.negotiated) this.channels.push(channel);
    return channel;
  }

  restartIce(): void {
    this.iceRestarts++;
  }

  getStats = async (): Promise<unknown> => new Map();

  ice(state: string): void {
    this.iceConnectionState = state;
    this.oniceconnectionstatechange?.();
  }

  close(): void {
    this.closed = true;
    this.signalingState = 'closed';
    this.iceConnectionState = 'closed';
  }

  #rollback(): void {
    this.signalingState = 'stable';
    if (!this.sctp) this.#data = false; // Chromium forgets it
    for (const each of this.#fresh) each.mid = null;
    this.#fresh.clear();
  }

  // What was refused has no section any more.
  #forgetStopped(): void {
    for (const each of this.#transceivers) if (each.stopped) each.mid = null;
  }

  #describe(): string {
    const sections = this.#transceivers
      .filter(({ mid }) => mid !== null)
      .map(({ mid, direction, receiver, stopped }) => ({
        mid,
        kind: receiver.track.kind,
        direction: stopped ? 'inactive' : direction,
        rejected: stopped,
      }));
    return `${JSON.stringify(sections)}\r\n${sections.map(({ mid }) => `a=mid:${mid}\r\n`).join('')}`;
  }
}

function candidateOf(id: number): { candidate: string; toJSON: () => unknown } {
  return { candidate: `candidate:${id}`, toJSON: () => ({ candidate: `candidate:${id}`, sdpMid: '0' }) };
}

export class FakeDataChannel {
  readyState = 'connecting';
  bufferedAmount = 0;
  binaryType = 'blob';
  readonly sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  constructor(
    readonly label: string,
    readonly protocol: string,
  ) {}
  send = (message: unknown): void => void this.sent.push(message);
  open(): void {
    this.readyState = 'open';
    this.onopen?.();
  }
  close(): void {
    this.readyState = 'closed';
    this.onclose?.();
  }
}

interface Inside {
  id: string;
  room: Room;
  /** What the server has to tell it, in order. */
  queue: [string, unknown][];
  cut: boolean;
  live: boolean;
  /** What waits for an answer, to be refused when the session is rebuilt. */
  pending: Set<(error: Error) => void>;
  /** When the last request reaches the server. */
  sent: number;
}

/** A server of a peer-to-peer room, of a few lines. */
export class PeerServer {
  readonly inside = new Map<string, Inside>();
  mode: 'p2p' | 'sfu' = 'p2p';
  streams: WireStream[] = [];
  subscriptions: { stream: number; participant: string; tracks?: string[]; data?: boolean }[] = [];
  readonly requests: { from: string; type: string; data: Record<string, unknown> }[] = [];
  refuse: Record<string, string> = {};
  /** How long what is said is on its way, milliseconds; undefined: it is there at once. */
  latency: (() => number) | undefined;
  #ids = 100;

  enter(id: string, options: ConnectOptions = {}): Room {
    const me: Inside = {
      id,
      room: undefined as never,
      queue: [],
      cut: false,
      live: true,
      pending: new Set(),
      sent: 0,
    };
    const signal = {
      get live() {
        return me.live;
      },
      wake: () => {},
      leave: () => {},
      request: (type: string, data: Record<string, unknown>) => this.#ask(me, type, data),
    } as unknown as Signal;
    me.room = new Room(signal, options);
    this.#tell('participant-joined', { id, user: id, role: 'presenter' });
    const snapshot = this.snapshot(id);
    this.inside.set(id, me);
    me.room.entered('joined', snapshot);
    return me.room;
  }

  snapshot(id: string): Joined {
    return {
      participant: {
        id,
        user: id,
        role: 'presenter',
        permissions: ['subscribe', 'publish-video', 'publish-audio'],
      },
      room: { id: 'r', name: 'r', mode: this.mode, codecs: ['VP8'] },
      participants: [...this.inside.keys()]
        .filter((each) => each !== id)
        .map((each) => ({ id: each, user: each, role: 'presenter' })),
      streams: this.streams.map((each) => ({ ...each })),
      iceServers: [{ urls: ['stun:stun.example.org'] }],
      resume: 'x',
      resumeWindow: 30,
    };
  }

  /** The server starts again: it knows nobody and nothing. */
  restart(): Map<string, Inside> {
    const before = new Map(this.inside);
    this.inside.clear();
    this.streams = [];
    this.subscriptions = [];
    for (const each of before.values()) each.queue = [];
    return before;
  }

  /** One comes back after a restart, or as somebody else. */
  back(me: Inside, how: 'resynced' | 'rejoined' = 'resynced'): void {
    this.#tell('participant-joined', { id: me.id, user: me.id, role: 'presenter' });
    const snapshot = this.snapshot(me.id);
    this.inside.set(me.id, me);
    const pending = [...me.pending];
    me.pending.clear();
    me.room.entered(how, snapshot);
    for (const reject of pending) reject(new Superseded());
  }

  leave(id: string): void {
    const own = this.streams.filter(({ participant }) => participant === id);
    this.inside.delete(id);
    for (const { id: stream } of own) this.#unpublish(stream);
    this.#tell('participant-left', { participant: id, reason: 'left' });
  }

  // Requests reach the server in their order, and not while the socket is cut.
  async #ask(me: Inside, type: string, data: Record<string, unknown>): Promise<unknown> {
    const { latency } = this;
    if (!latency) return this.#request(me.id, type, data);
    return new Promise((resolve, reject) => {
      me.pending.add(reject);
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          if (me.pending.delete(reject)) settle(value);
        };
      const go = (): void => {
        if (!me.pending.has(reject)) return;
        if (me.cut || !this.inside.has(me.id)) setTimeout(go, 100);
        else this.#request(me.id, type, data).then(done(resolve), done(reject));
      };
      me.sent = Math.max(me.sent, Date.now() + latency());
      setTimeout(go, me.sent - Date.now());
    });
  }

  async #request(from: string, type: string, data: Record<string, unknown>): Promise<unknown> {
    const text = JSON.stringify(data); // as on a wire: what is undefined is not there
    data = JSON.parse(text);
    await Promise.resolve();
    this.requests.push({ from, type, data });
    const code = this.refuse[type];
    if (code) throw Object.assign(new Error('No.'), { code });
    if (!this.inside.has(from)) return new Promise(() => {});
    switch (type) {
      case 'publish': {
        const stream = {
          ...(data as object),
          id: (data.stream as number) ?? ++this.#ids,
          participant: from,
        } as WireStream;
        stream.tracks ??= [];
        this.streams = [...this.streams.filter(({ id }) => id !== stream.id), stream];
        this.#tell('stream-published', stream, from);
        return { stream: stream.id };
      }
      case 'unpublish':
        this.#unpublish(data.stream as number);
        return {};
      case 'subscribe': {
        const {
          stream,
          tracks,
          data: channels,
        } = data as { stream: number; tracks?: string[]; data?: boolean };
        const owner = this.streams.find(({ id }) => id === stream)?.participant;
        if (!owner) throw Object.assign(new Error('There is no such stream.'), { code: 'not-found' });
        this.#put(owner, 'stream-subscribed', { stream, participant: from, tracks, data: channels });
        return {};
      }
      case 'unsubscribe': {
        const owner = this.streams.find(({ id }) => id === data.stream)?.participant;
        if (owner) this.#put(owner, 'stream-unsubscribed', { stream: data.stream, participant: from });
        return {};
      }
      case 'signal': {
        if (!this.inside.has(data.to as string))
          throw Object.assign(new Error('Gone.'), { code: 'not-found' });
        this.#put(data.to as string, 'signal', { from, data: data.data });
        return {};
      }
    }
    return {};
  }

  #unpublish(id: number): void {
    const stream = this.streams.find((each) => each.id === id);
    this.streams = this.streams.filter((each) => each !== stream);
    if (stream) this.#tell('stream-unpublished', { stream: id }, stream.participant);
  }

  #tell(type: string, data: unknown, except?: string): void {
    for (const id of this.inside.keys()) if (id !== except) this.#put(id, type, data);
  }

  // Events come one by one, in order, and wait while a socket is cut.
  #put(to: string, type: string, data: unknown): void {
    const me = this.inside.get(to);
    if (!me) return;
    me.queue.push([type, JSON.parse(JSON.stringify(data))]);
    this.deliver(me);
  }

  deliver(me: Inside): void {
    setTimeout(() => {
      if (me.cut) return;
      const next = me.queue.shift();
      if (next) me.room.handle(next[0], next[1]);
    }, this.latency?.());
  }

  /** The socket of one is cut, or back. */
  cut(id: string, cut: boolean): void {
    const me = this.inside.get(id)!;
    me.cut = cut;
    me.live = !cut;
    me.room.stateChanged(cut ? 'reconnecting' : 'connected');
    if (!cut) for (let i = me.queue.length; i > 0; i--) this.deliver(me);
  }
}
