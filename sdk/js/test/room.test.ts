import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Joined } from '../src/protocol.js';
import { LocalStream } from '../src/local-stream.js';
import { type ConnectOptions, Room } from '../src/room.js';
import type { Signal } from '../src/signal.js';
import { FakeMediaStream } from './fake-media.js';

/** As much of a connection as negotiation needs. */
class FakeConnection {
  iceConnectionState = 'new';
  connectionState = 'new';
  transceivers: {
    mid: string | null;
    receiver: { track: { kind: string } };
    sender: {
      encodings: RTCRtpEncodingParameters[];
      getParameters: () => unknown;
      setParameters: (p: { encodings: RTCRtpEncodingParameters[] }) => Promise<void>;
      replaceTrack: () => Promise<void>;
    };
    init: RTCRtpTransceiverInit;
  }[] = [];
  addTransceiver(track: string | { kind: string }, init: RTCRtpTransceiverInit) {
    const kind = typeof track === 'string' ? track : track.kind;
    const sender = {
      encodings: (init.sendEncodings ?? [{}]).map((each) => ({ active: true, ...each })),
      getParameters: () => ({ encodings: sender.encodings.map((each) => ({ ...each })) }),
      setParameters: async (parameters: { encodings: RTCRtpEncodingParameters[] }) => {
        sender.encodings = parameters.encodings as typeof sender.encodings;
      },
      replaceTrack: async () => {},
    };
    const transceiver = { mid: null, receiver: { track: { kind } }, sender, init };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers = () => this.transceivers;
  createOffer = async () => ({ type: 'offer', sdp: 'offer' });
  setLocalDescription = async () => {
    this.transceivers.forEach((each, index) => {
      each.mid ??= String(index);
    });
  };
  setRemoteDescription = async () => {};
  getConfiguration = () => ({});
  setConfiguration = () => {};
  getStats = async () => new Map();
  close = () => {};
}

interface Sent {
  type: string;
  data: Record<string, unknown>;
}

/** A room with a server of a few lines behind it. */
function enter(options: ConnectOptions = {}, streams = [ben]) {
  const sent: Sent[] = [];
  const answers: Record<string, (data: Record<string, unknown>) => unknown> = {
    offer: () => ({ sdp: 'answer' }),
    publish: () => ({ stream: 77 }),
  };
  const signal = {
    live: true,
    wake: () => {},
    leave: () => {},
    request: async (type: string, data: Record<string, unknown>) => {
      sent.push({ type, data });
      await Promise.resolve();
      const answer: unknown = answers[type]?.(data) ?? {};
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as unknown as Signal;
  const snapshot: Joined = {
    participant: { id: 'me', user: 'me', role: 'presenter', permissions: ['subscribe', 'publish-video'] },
    room: { id: 'r', name: 'r', codecs: ['VP8'] },
    participants: [{ id: 'ben', user: 'ben', role: 'presenter' }],
    streams,
    resume: 'x',
    resumeWindow: 30,
  };
  const room = new Room(signal, options);
  room.entered('joined', snapshot);
  return { room, sent, answers, snapshot, of: (type: string) => sent.filter((each) => each.type === type) };
}

const ben = {
  id: 5,
  participant: 'ben',
  tracks: [
    { id: 'a1', kind: 'audio' as const, source: 'microphone' as const },
    { id: 'v1', kind: 'video' as const, source: 'camera' as const },
  ],
};

const soon = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 10));
const rooms: Room[] = [];
const entered: typeof enter = (...args) => {
  const world = enter(...args);
  rooms.push(world.room);
  return world;
};

beforeEach(() => {
  vi.stubGlobal('MediaStream', FakeMediaStream);
  vi.stubGlobal('RTCPeerConnection', FakeConnection);
  vi.stubGlobal('RTCRtpReceiver', {});
  vi.stubGlobal('RTCRtpSender', {
    getCapabilities: () => ({ codecs: [{ mimeType: 'video/VP8', scalabilityModes: ['L1T3'] }] }),
  });
});
afterEach(() => {
  for (const room of rooms.splice(0))
    room.sessionEnded('left', Object.assign(new Error(''), { code: 'closed' }) as never);
  vi.unstubAllGlobals();
});

describe('preferences', () => {
  it('follow the subscription, and are told again in a session that was rebuilt', async () => {
    const { room, sent, of, snapshot } = entered();
    const stream = room.streams.get(5)!;
    await stream.prefer('video', { width: 320, height: 180 }); // before anything is asked for
    expect(of('prefer')).toEqual([]);
    await soon();
    const types = sent.map(({ type }) => type).filter((type) => type === 'subscribe' || type === 'prefer');
    expect(types).toEqual(['subscribe', 'prefer']);
    expect(of('prefer')[0]?.data).toMatchObject({
      stream: 5,
      track: 'v1',
      width: 320,
      height: 180,
      priority: 10,
      paused: false,
    });
    await stream.prefer('video', { priority: 70 });
    expect(of('prefer')).toHaveLength(2);

    sent.length = 0;
    room.entered('resynced', snapshot);
    await stream.prefer('audio', { priority: 50 }); // too early for the new session
    expect(of('prefer')).toEqual([]);
    await soon();
    expect(sent.map(({ type }) => type).filter((type) => type !== 'offer')).toEqual([
      'subscribe',
      'prefer',
      'prefer',
    ]);
    expect(of('prefer').map(({ data }) => `${data.track} ${data.priority}`)).toEqual(['a1 50', 'v1 70']);
  });

  it('are told of tracks that are subscribed only', async () => {
    const { room, of } = entered({ autoSubscribe: () => ({ video: false }) });
    await soon();
    await room.streams.get(5)!.prefer('video', { width: 100 });
    expect(of('prefer')).toEqual([]);
    await room.unsubscribe(room.streams.get(5)!);
    await room.streams.get(5)!.prefer('audio', { priority: 3 });
    expect(of('prefer')).toEqual([]);
  });

  it('pause video that is on demand together with its subscription', async () => {
    const { of } = entered({ videoOnDemand: true });
    await soon();
    expect(of('prefer').map(({ data }) => `${data.track} ${data.paused}`)).toEqual(['v1 true']);
  });

  it('of a big room come no faster than the server takes them', async () => {
    vi.useFakeTimers();
    const many = Array.from({ length: 400 }, (_, index) => ({ ...ben, id: index + 1 }));
    const { of } = entered({ videoOnDemand: true }, many);
    await vi.advanceTimersByTimeAsync(20);
    const atOnce = of('subscribe').length + of('prefer').length;
    expect(atOnce).toBeGreaterThan(140);
    expect(atOnce).toBeLessThan(200);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(of('subscribe').length + of('prefer').length - atOnce).toBeLessThan(200);
    await vi.advanceTimersByTimeAsync(20_000);
    vi.useRealTimers();
    expect([of('subscribe').length, of('prefer').length]).toEqual([400, 400]);
  });

  it('say when a number makes no sense, and try again when it was too much', async () => {
    const { room, answers, of } = entered();
    await soon();
    const stream = room.streams.get(5)!;
    const fails = (code: string) => () => Object.assign(new Error('No.'), { code });
    answers.prefer = fails('bad-request');
    await expect(stream.prefer('video', { priority: 1_000 })).rejects.toThrow('No.');
    answers.prefer = fails('not-found'); // the stream is over, as is told in its own way
    await stream.prefer('video', { priority: 100 });
    vi.useFakeTimers();
    answers.prefer = fails('too-fast');
    await stream.prefer('video', { priority: 20 });
    delete answers.prefer;
    const before = of('prefer').length;
    await stream.prefer('video', { priority: 30 });
    await vi.advanceTimersByTimeAsync(3_000);
    vi.useRealTimers();
    expect(
      of('prefer')
        .slice(before)
        .map(({ data }) => data.priority),
    ).toEqual([30, 30]);
  });
});

describe('a paused track', () => {
  it('says why', async () => {
    const { room } = entered();
    const stream = room.streams.get(5)!;
    room.handle('subscription', {
      stream: 5,
      track: 'v1',
      state: 'paused',
      cause: 'bandwidth',
      reason: 'Too little.',
    });
    expect(stream.tracks[1]).toMatchObject({ state: 'paused', cause: 'bandwidth', reason: 'Too little.' });
    room.handle('subscription', { stream: 5, track: 'v1', state: 'active', codec: 'VP8' });
    expect(stream.tracks[1]).toMatchObject({ state: 'active', cause: undefined, reason: undefined });
  });
});

describe('layers', () => {
  const camera = (): LocalStream =>
    LocalStream.from(
      [
        {
          kind: 'video',
          enabled: true,
          getSettings: () => ({ width: 1280, height: 720 }),
          addEventListener: () => {},
        },
      ] as never,
      { source: 'camera' },
    );
  const encodings = () =>
    FakeConnections.at(-1)!.transceivers.find(({ init }) => init.direction === 'sendonly')!.sender.encodings;
  const FakeConnections: FakeConnection[] = [];
  beforeEach(() => {
    FakeConnections.length = 0;
    vi.stubGlobal(
      'RTCPeerConnection',
      class extends FakeConnection {
        constructor() {
          super();
          FakeConnections.push(this);
        }
      },
    );
  });
  const said = (f: boolean) => ({
    stream: 77,
    track: 'v1',
    layers: [
      { rid: 'q', spatial: 0, wanted: true },
      { rid: 'h', spatial: 0, wanted: true },
      { rid: 'f', spatial: 0, wanted: f },
    ],
  });

  it('that nobody wants are not sent, until somebody does', async () => {
    const { room } = entered({}, []);
    const stream = camera();
    await room.publish(stream);
    const active = () => encodings().map(({ rid, active }) => `${rid} ${active}`);
    expect(active()).toEqual(['q true', 'h true', 'f true']);
    room.handle('layers-wanted', said(false));
    await soon();
    expect(active()).toEqual(['q true', 'h true', 'f false']);
    room.handle('layers-wanted', said(true));
    await soon();
    expect(active()).toEqual(['q true', 'h true', 'f true']);
  });

  it('are not forgotten when they are told before the stream is published', async () => {
    const { room, answers } = entered({}, []);
    const stream = camera();
    answers.publish = () => {
      room.handle('layers-wanted', said(false));
      return { stream: 77 };
    };
    await room.publish(stream);
    await soon();
    expect(encodings().map(({ active }) => active)).toEqual([true, true, false]);
  });

  it('are all sent on a new connection', async () => {
    const { room, snapshot } = entered({}, []);
    const stream = camera();
    await room.publish(stream);
    room.handle('layers-wanted', said(false));
    await soon();
    room.entered('resynced', snapshot);
    await soon();
    expect(FakeConnections).toHaveLength(2);
    expect(encodings().map(({ active }) => active)).toEqual([true, true, true]);
  });

  it('use a sender again only for what has the same ones', async () => {
    const { room } = entered({}, []);
    const [first, second] = [camera(), camera()];
    await room.publish(first);
    await room.unpublish(first);
    await room.publish(second);
    const senders = () =>
      FakeConnections[0]!.transceivers.filter(({ init }) => init.direction === 'sendonly');
    expect(senders()).toHaveLength(1);
    await room.unpublish(second);
    await room.publish(
      LocalStream.from(
        [{ kind: 'video', enabled: true, getSettings: () => ({}), addEventListener: () => {} }] as never,
        { source: 'screen' },
      ),
    );
    expect(senders()).toHaveLength(2);
  });

  it('that the server forwards are in the statistics', async () => {
    const { room, answers } = entered();
    await soon();
    room.handle('slots', { transport: 'main', slots: [{ mid: '4', stream: 5, track: 'v1' }] });
    const mid = '4';
    FakeConnections[0]!.getStats = async () =>
      new Map([
        [
          '1',
          {
            id: '1',
            type: 'inbound-rtp',
            kind: 'video',
            mid,
            timestamp: 1,
            bytesReceived: 1,
            packetsReceived: 1,
          },
        ],
      ]);
    const layer = {
      rid: 'h',
      spatial: 0,
      temporal: 2,
      width: 640,
      height: 360,
      bitrate: 400_000,
      reason: 'It fits the element.',
    };
    answers.stats = () => ({
      transports: [
        { transport: 'main', router: { subscribed: [{ mid, stream: 5, track: 'v1', layer }] } },
        { transport: 'new' },
      ],
    });
    const { remote } = await room.getStats({ server: true });
    expect(remote[0]?.tracks.find(({ track }) => track === 'v1')?.layer).toEqual(layer);
    expect((await room.getStats()).remote[0]?.tracks[0]?.layer).toBeUndefined();
  });
});
