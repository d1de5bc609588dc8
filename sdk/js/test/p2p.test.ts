import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PeerSignal } from '../src/peer-signal.js';
import type { Room } from '../src/room.js';
import { camera, FakeMediaStream } from './fake-media.js';
import { type FakeDataChannel, FakePeerConnection, PeerServer, undecodable } from './fake-peers.js';

/** Lets everything that can happen at once happen. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);

let server: PeerServer;
beforeEach(() => {
  vi.useFakeTimers();
  FakePeerConnection.all = [];
  undecodable.clear();
  server = new PeerServer();
  vi.stubGlobal('MediaStream', FakeMediaStream);
  vi.stubGlobal('RTCPeerConnection', FakePeerConnection);
  vi.stubGlobal('RTCRtpReceiver', {});
  vi.stubGlobal('RTCRtpSender', { getCapabilities: () => ({ codecs: [] }) });
});
afterEach(() => {
  for (const { room } of server.inside.values()) {
    room.sessionEnded('left', Object.assign(new Error(''), { code: 'closed' }) as never);
  }
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** The connections that are open, those that each room makes before it knows its mode left out. */
const open = (): FakePeerConnection[] => FakePeerConnection.all.filter(({ closed }) => !closed);
const connect = (): void => open().forEach((pc) => pc.ice('connected'));

/** How the tracks are that a room has of another. */
const received = (room: Room, from: string): string[] =>
  room
    .streamsOf(from)
    .flatMap(({ tracks }) =>
      tracks.map(({ id, state, mediaTrack }) => `${id} ${state} ${mediaTrack?.kind ?? ''}`.trim()),
    );

async function call(...ids: string[]): Promise<Room[]> {
  const rooms = ids.map((id) => server.enter(id));
  for (const room of rooms) await Promise.all([room.publish(camera({ data: true })), settle()]);
  await settle();
  connect();
  return rooms;
}

const both = ['a1 active audio', 'v1 active video'];

describe('a peer-to-peer room', () => {
  it('has one connection for each pair, with what each subscribed to', async () => {
    const [a, b, c] = await call('a', 'b', 'c');
    expect(a!.mode).toBe('p2p');
    expect(open()).toHaveLength(6);
    for (const [room, others] of [
      [a, 'bc'],
      [b, 'ac'],
      [c, 'ab'],
    ] as const) {
      for (const other of others) expect(received(room!, other)).toEqual(both);
    }
    const publish = server.requests.find(({ type }) => type === 'publish')!;
    expect(publish.data.tracks).toEqual([
      { id: 'a1', kind: 'audio', source: 'microphone' },
      { id: 'v1', kind: 'video', source: 'camera' },
    ]);
    expect(server.requests.filter(({ type }) => type === 'offer' || type === 'prefer')).toEqual([]);
    expect(open()[0]!.configuration).toMatchObject({ iceServers: [{ urls: ['stun:stun.example.org'] }] });
  });

  it('comes to an agreement when both offer at once', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    await Promise.all([a.publish(camera()), b.publish(camera()), settle()]);
    await settle();
    connect();
    expect(received(a, 'b')).toEqual(both);
    expect(received(b, 'a')).toEqual(both);
    expect(open().map(({ signalingState }) => signalingState)).toEqual(['stable', 'stable']);
  });

  it.each(['a', 'b'])('lets the lower id begin, also when only %s sends', async (sends) => {
    const rooms = { a: server.enter('a'), b: server.enter('b') };
    const [from, to] = sends === 'a' ? [rooms.a, rooms.b] : [rooms.b, rooms.a];
    await Promise.all([from.publish(camera()), settle()]);
    await settle();
    connect();
    expect(received(to, sends)).toEqual(both);
    const offers = server.requests.filter(
      ({ type, data }) => type === 'signal' && (data.data as PeerSignal).description?.type === 'offer',
    );
    expect(offers[0]!.from).toBe('a');
    await Promise.all([to.publish(camera()), settle()]);
    await settle();
    expect(received(from, sends === 'a' ? 'b' : 'a')).toEqual(both);
    expect(open().map((pc) => pc.getTransceivers().length)).toEqual([4, 4]); // none of them for the offer only
  });

  it('sends what is wanted, and no more', async () => {
    const [a, b] = await call('a', 'b');
    const stream = a!.streamsOf('b')[0]!;
    await Promise.all([a!.subscribe(stream, { video: false }), settle()]);
    expect(received(a!, 'b')).toEqual(['a1 active audio', 'v1 none']);
    await Promise.all([a!.unsubscribe(stream), settle()]);
    expect(received(a!, 'b')).toEqual(['a1 none', 'v1 none']);
    expect(received(b!, 'a')).toEqual(both);
    await Promise.all([a!.subscribe(stream), settle()]);
    expect(received(a!, 'b')).toEqual(both);
    const sections = open().map((pc) => pc.getTransceivers().length);
    expect(sections).toEqual([4, 4]); // the same ones again
  });

  it('sends each stream in its own bitrate, also in a section that had another', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    for (const maxVideoBitrate of [150_000, 2_000_000, undefined]) {
      const stream = camera({ maxVideoBitrate });
      await Promise.all([a.publish(stream), settle()]);
      await settle();
      connect();
      expect(received(b, 'a')).toEqual(both);
      const senders = open().flatMap((pc) => pc.getTransceivers().filter(({ sender }) => sender.track));
      expect(senders).toHaveLength(2);
      const [encoding] = senders[1]!.sender.getParameters().encodings;
      expect(encoding).toMatchObject({ maxBitrate: stream.plainEncoding(stream.tracks[1]!).maxBitrate });
      await Promise.all([a.unpublish(stream), settle()]);
    }
  });

  it('takes a stream that is told anew from the connection that carries it already', async () => {
    const [a] = await call('a', 'b');
    const [stream] = server.streams.filter(({ participant }) => participant === 'b');
    a!.handle('stream-unpublished', { stream: stream!.id });
    expect(a!.streamsOf('b')).toEqual([]);
    a!.handle('stream-published', stream);
    await settle();
    expect(received(a!, 'b')).toEqual(both);
  });

  it('ends what is unpublished, and the connection with who leaves', async () => {
    const [a, b] = await call('a', 'b');
    await Promise.all([b!.unpublish(b!.localStreams[0]!), settle()]);
    expect(a!.streamsOf('b')).toEqual([]);
    expect(received(b!, 'a')).toEqual(both);
    server.leave('b');
    await settle();
    expect(open()).toHaveLength(1); // that of b, who knows nothing of it
  });

  it('refuses what only a server can do', async () => {
    const [a] = await call('a', 'b');
    const stream = a!.streamsOf('b')[0]!;
    await expect(stream.prefer('video', { width: 100 })).rejects.toMatchObject({ code: 'unsupported' });
    server.refuse.stats = 'unsupported';
    await expect(a!.getStats({ server: true })).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('says when there is no codec in common', async () => {
    undecodable.add('video');
    const [a] = await call('a', 'b');
    expect(received(a!, 'b')).toEqual(['a1 active audio', 'v1 codec-unsupported']);
    expect(a!.streamsOf('b')[0]!.tracks[1]!.reason).toMatch(/no codec in common/);
  });

  it('connects also when nothing of what is sent can be decoded', async () => {
    undecodable.add('audio').add('video');
    await call('a', 'b');
    expect(open()[0]!.sctp).not.toBeNull(); // else ICE would never begin, and be waited for again and again
  });

  it('lives on with a section that was refused', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    undecodable.add('video');
    const [a, b] = await call('a', 'b');
    undecodable.clear();
    const [stream] = b!.localStreams;
    const second = camera();
    await Promise.all([b!.publish(second), settle()]);
    await settle();
    expect(received(a!, 'b')).toEqual(['a1 active audio', 'v1 codec-unsupported', ...both]);
    await Promise.all([b!.unpublish(second), settle()]);
    const over = vi.fn();
    b!.on('local-streams', over);
    await b!.localStreams[0]!.publisher!.replaced(stream!.tracks[1]!);
    await Promise.all([b!.unpublish(stream!), settle()]);
    expect(over).toHaveBeenCalledOnce();
    expect(a!.streamsOf('b')).toEqual([]);
    await Promise.all([b!.publish(camera()), settle()]);
    await settle();
    expect(received(a!, 'b')).toEqual(both); // in a section of its own
    expect(warn).not.toHaveBeenCalled();
  });

  it('heeds nobody who speaks of the streams of others', async () => {
    const [a] = await call('a', 'b', 'c');
    const [, withC] = open();
    for (const { receiver } of withC!.getTransceivers())
      receiver.getSynchronizationSources = () => [{ audioLevel: 0.5 }];
    const speaking = (): string[] =>
      a!.speakers.map(({ participant, track }) => `${participant.id} ${track}`);
    await settle();
    expect(speaking()).toEqual(['c a1']);
    // What c described last, as the next offer, with other words for what it sends.
    const said = server.requests.filter(
      ({ from, type, data }) => type === 'signal' && from === 'c' && data.to === 'a',
    );
    const last = said
      .flatMap(({ data }) => ((data.data as PeerSignal).description ? [data.data] : []))
      .at(-1);
    const { connection, peer, description, tracks: described } = last as PeerSignal;
    const [stream] = a!.streamsOf('b');
    const tracks = described!.map((each) => ({ ...each, stream: stream!.id }));
    expect(tracks.map(({ track }) => track)).toEqual(['a1', 'v1']);
    const forged = { connection, peer, description: { ...description, type: 'offer' }, offer: 9, tracks };
    a!.handle('signal', { from: 'c', data: forged });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(received(a!, 'c')).toEqual(['a1 waiting', 'v1 waiting']); // it was heard
    expect(received(a!, 'b')).toEqual(both);
    expect(stream!.tracks.map(({ mediaTrack }) => mediaTrack!.id)).toEqual(
      open()[0]!
        .getTransceivers()
        .flatMap(({ direction, receiver }) => (direction === 'recvonly' ? [receiver.track.id] : [])),
    );
    expect(speaking()).toEqual([]);
  });

  it('heeds nothing that makes no sense', async () => {
    const [a] = await call('a', 'b');
    for (const data of [null, 1, 'x', [], {}, { connection: 0 }, { connection: 1, candidates: [1] }]) {
      a!.handle('signal', { from: 'b', data });
    }
    await settle();
    expect(received(a!, 'b')).toEqual(both);
  });

  it('measures once how loud its own audio is', async () => {
    const [a] = await call('a', 'b', 'c');
    let measured = 0;
    for (const { sender } of open().flatMap((pc) => pc.getTransceivers())) {
      sender.getStats = async () => {
        measured++;
        return new Map([['1', { type: 'media-source', audioLevel: 0.5 }]]);
      };
    }
    await vi.advanceTimersByTimeAsync(300);
    expect(measured).toBe(3); // one for each of the three
    expect(a!.speakers.map(({ participant }) => participant.id)).toEqual(['a']);
  });
});

describe('a room that becomes peer to peer', () => {
  it('waits for what came by the server', async () => {
    server.enter('b');
    await Promise.all([server.inside.get('b')!.room.publish(camera()), settle()]);
    server.mode = 'sfu';
    const a = server.enter('a');
    await settle();
    const [stream] = a.streamsOf('b');
    a.handle('subscription', { stream: stream!.id, track: 'v1', state: 'active' });
    expect(received(a, 'b')).toEqual(['a1 waiting', 'v1 active']);
    server.mode = 'p2p';
    const { streams } = server;
    const old = server.restart();
    server.streams = streams;
    server.back(old.get('a')!);
    expect(received(a, 'b')).toEqual(['a1 waiting', 'v1 waiting']);
  });
});

describe('data channels between participants', () => {
  it('reach each subscriber, also one who comes later', async () => {
    const [a] = await call('a', 'b');
    const channel = a!.localStreams[0]!.openChannel('pad', { ordered: false, maxRetransmits: 0 });
    expect(channel.state).toBe('open');
    await settle();
    const opened = (): FakeDataChannel[] => open().flatMap(({ channels }) => channels);
    expect(opened().map(({ label, protocol }) => `${label} ${protocol}`)).toEqual([
      `pad stream:${a!.localStreams[0]!.id}`,
    ]);
    opened()[0]!.open();
    server.enter('c');
    await settle();
    expect(opened()).toHaveLength(2);
    channel.send('x');
    expect(opened().map(({ sent }) => sent)).toEqual([['x'], []]);
    opened()[1]!.open();
    expect(opened().map(({ sent }) => sent)).toEqual([['x'], ['x']]);
    channel.close();
    expect(opened().map(({ readyState }) => readyState)).toEqual(['closed', 'closed']);
  });

  it('stay open when the server is started again, and lose nothing', async () => {
    await call('a', 'b');
    const [stream] = server.inside.get('a')!.room.localStreams;
    const channel = stream!.openChannel('pad');
    await settle();
    const opened = open().flatMap(({ channels }) => channels);
    opened[0]!.open();
    const old = server.restart();
    for (const id of ['a', 'b']) server.back(old.get(id)!);
    channel.send('meanwhile');
    expect(channel.state).toBe('connecting');
    await settle();
    expect(open().flatMap(({ channels }) => channels)).toEqual(opened);
    expect(opened.map(({ readyState, sent }) => [readyState, sent])).toEqual([['open', ['meanwhile']]]);
    server.restart();
    server.back(old.get('a')!);
    channel.close();
    expect(opened[0]!.readyState).toBe('closed');
  });

  it('are not opened again by another one where a receiver was too slow', async () => {
    const [a, b] = await call('a', 'b');
    const [stream] = a!.localStreams;
    const channel = stream!.openChannel('pad');
    await settle();
    const opened = (): FakeDataChannel[] => open().flatMap(({ channels }) => channels);
    opened()[0]!.open();
    opened()[0]!.bufferedAmount = 1 << 20;
    channel.send('x');
    expect(opened()[0]!.readyState).toBe('closed');
    stream!.openChannel('chat');
    await settle();
    expect(opened().map(({ label }) => label)).toEqual(['pad', 'chat']);
    const [remote] = b!.streamsOf('a');
    await Promise.all([b!.unsubscribe(remote!), settle()]);
    await Promise.all([b!.subscribe(remote!), settle()]);
    expect(opened().map(({ label }) => label)).toEqual(['pad', 'chat', 'pad', 'chat']);
  });

  it.each(['setLocalDescription', 'setRemoteDescription'] as const)(
    'have their section also when the first is opened within %s',
    async (within) => {
      const [a, b] = await call('a', 'b');
      const [pc] = open();
      const set = pc![within].bind(pc);
      pc![within] = (description: { type: string; sdp: string }) => {
        pc![within] = set;
        const done = set(description);
        a!.localStreams[0]!.openChannel('pad');
        return done;
      };
      await Promise.all([a!.publish(camera()), b!.publish(camera()), settle()]);
      await settle();
      expect(pc!.channels.map(({ label }) => label)).toEqual(['pad']);
      expect(pc!.sctp).not.toBeNull();
    },
  );

  it('need no negotiation of their own', async () => {
    const [a] = await call('a', 'b');
    const described = (): number =>
      server.requests.filter(({ type, data }) => type === 'signal' && 'description' in (data.data as object))
        .length;
    const before = described();
    a!.localStreams[0]!.openChannel('pad');
    await settle();
    expect(described()).toBe(before);
    expect(open()[0]!.sctp).not.toBeNull();
  });

  it('need a connection, also where nothing else is sent', async () => {
    const [a, b] = [server.enter('a'), server.enter('b', { autoSubscribe: () => ({ tracks: [] }) })];
    const stream = camera({ data: true });
    stream.openChannel('pad');
    await Promise.all([a.publish(stream), settle()]);
    await settle();
    expect(b.streamsOf('a')[0]!.wanted).toEqual({ tracks: [], data: true });
    expect(open().map(({ sctp }) => sctp !== null)).toEqual([true, false]); // the fake knows it where it was offered
  });

  it('have their section also when the offer with the first of them meets another', async () => {
    const [a, b] = await call('a', 'b');
    b!.localStreams[0]!.openChannel('pad');
    a!.handle('stream-subscribed', { stream: a!.localStreams[0]!.id, participant: 'b', tracks: ['a1'] });
    await settle();
    expect(open().some(({ sctp }) => sctp)).toBe(true);
    expect(open().map(({ signalingState }) => signalingState)).toEqual(['stable', 'stable']);
  });

  it('are lossy in one way', async () => {
    const both = { maxRetransmits: 0, maxPacketLifeTime: 9 };
    expect(() => camera({ data: true }).openChannel('pad', both)).toThrowError(
      expect.objectContaining({ code: 'bad-request' }),
    );
  });

  it('carry what was sent before the stream was published', async () => {
    const a = server.enter('a');
    server.enter('b');
    const stream = camera({ data: true });
    stream.openChannel('pad').send('early');
    // The server may tell of a subscriber before it answers the publisher.
    a.handle('stream-subscribed', { stream: 101, participant: 'b', data: true });
    await Promise.all([a.publish(stream), settle()]);
    const [opened] = open().flatMap(({ channels }) => channels);
    opened!.open();
    expect(opened!.sent).toEqual(['early']);
  });

  it('are taken from the publisher of the stream only', async () => {
    const [b] = await call('b', 'c', 'a');
    const stream = b!.streamsOf('a')[0]!;
    const got: string[] = [];
    stream.on('channel', ({ label }) => got.push(label));
    for (const pc of open()) {
      const channel = { label: 'x', protocol: `stream:${stream.id}`, readyState: 'open', close: () => {} };
      pc.ondatachannel?.({ channel });
    }
    expect(got).toEqual(['x']); // of all connections, one is that of b with a
  });
});

describe('connections between participants', () => {
  it('live on while the signalling is cut', async () => {
    const [a, b] = await call('a', 'b');
    const before = open();
    server.cut('a', true);
    const published = b!.publish(camera());
    await settle();
    expect(received(a!, 'b')).toEqual(both);
    server.cut('a', false);
    await Promise.all([published, settle()]);
    await settle();
    expect(received(a!, 'b')).toEqual([...both, ...both]);
    expect(open()).toEqual(before);
  });

  it('live on when the server is started again, and are negotiated anew', async () => {
    const [a, b, c] = await call('a', 'b', 'c');
    const before = open();
    // One offer is under way when it happens.
    void b!.publish(camera());
    await vi.advanceTimersByTimeAsync(0);
    const old = server.restart();
    server.requests.length = 0;
    for (const id of ['b', 'a', 'c']) {
      server.back(old.get(id)!);
      await settle();
    }
    await settle();
    expect(open()).toEqual(before);
    for (const [room, other] of [
      [a, 'c'],
      [c, 'a'],
      [b, 'a'],
      [c, 'b'],
    ] as const) {
      expect(received(room!, other).slice(0, 2)).toEqual(both);
    }
    expect(received(a!, 'b')).toEqual([...both, ...both]);
    expect(open().every(({ signalingState }) => signalingState === 'stable')).toBe(true);
    const offers = server.requests.filter(
      ({ type, data }) =>
        type === 'signal' &&
        /"offer"/.test(JSON.stringify((data.data as { description?: unknown }).description)),
    );
    for (const pair of ['a b', 'a c', 'b c']) {
      expect(
        offers.filter(({ from, data }) => [from, data.to].sort().join(' ') === pair).length,
      ).toBeGreaterThan(0);
    }
    await vi.advanceTimersByTimeAsync(15_000); // nobody was given up
    expect(received(a!, 'b')).toEqual([...both, ...both]);
  });

  it('live on when the server is started again before the answer to the first offer has come', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const [a, b] = [server.enter('a'), server.enter('b')];
    server.latency = () => 20;
    void a.publish(camera());
    const answered = (): boolean =>
      server.requests.some(
        ({ data }) => (data.data as PeerSignal | undefined)?.description?.type === 'answer',
      );
    while (!answered()) await vi.advanceTimersByTimeAsync(5);
    const before = open();
    const old = server.restart();
    for (const id of ['a', 'b']) server.back(old.get(id)!);
    await vi.advanceTimersByTimeAsync(2_000);
    connect();
    expect(open()).toEqual(before);
    expect(received(b, 'a')).toEqual(both);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('are made anew when %s is back long before %s, and counted on', async (early, late) => {
    await call('a', 'b');
    await vi.advanceTimersByTimeAsync(2_000);
    for (const pc of open()) {
      pc.connectionState = 'failed';
      pc.onconnectionstatechange?.();
    }
    await vi.advanceTimersByTimeAsync(5_000);
    connect();
    const old = server.restart();
    server.back(old.get(early)!);
    await vi.advanceTimersByTimeAsync(10_000); // by now the other counts as gone
    expect(open()).toHaveLength(1);
    server.back(old.get(late)!);
    await settle();
    connect();
    const [one, two] = [old.get(early)!.room, old.get(late)!.room];
    expect(received(one, late)).toEqual(both);
    expect(received(two, early)).toEqual(both);
    expect(open().map(({ signalingState }) => signalingState)).toEqual(['stable', 'stable']);
  });

  it('are made anew also when nothing is sent by the one who was back before', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    await Promise.all([b.publish(camera()), settle()]);
    await settle();
    connect();
    const former = open();
    const old = server.restart();
    server.back(old.get('a')!);
    await vi.advanceTimersByTimeAsync(10_000);
    server.back(old.get('b')!);
    await settle();
    connect();
    expect(received(a, 'b')).toEqual(both);
    expect(open()).toHaveLength(2);
    expect(open().filter((pc) => former.includes(pc))).toEqual([]);
  });

  it.each(['too-fast', 'unavailable'])('carry on with a stream that is %s for a while', async (code) => {
    const [a, b] = await call('a', 'b');
    const old = server.restart();
    server.refuse.publish = code;
    for (const id of ['a', 'b']) server.back(old.get(id)!);
    await vi.advanceTimersByTimeAsync(2_000);
    delete server.refuse.publish;
    await vi.advanceTimersByTimeAsync(20_000);
    expect([a!.localStreams.length, b!.localStreams.length]).toEqual([1, 1]);
    expect(received(a!, 'b')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
  });

  it('are made anew with one who was let in anew', async () => {
    const [a, b] = await call('a', 'b');
    const before = open();
    const me = server.inside.get('b')!;
    const [stream] = b!.streamsOf('a');
    const pad = { label: 'pad', protocol: `stream:${stream!.id}`, readyState: 'open', close: () => {} };
    for (const pc of open()) pc.ondatachannel?.({ channel: pad });
    const [channel] = stream!.channels;
    server.leave('b');
    await settle();
    me.id = '0'; // now the impolite one
    server.back(me, 'rejoined');
    expect(channel!.state).toBe('closed');
    expect(received(b!, 'a')).toEqual(['a1 waiting audio', 'v1 waiting video']); // the last picture stays
    await settle();
    connect();
    expect(received(a!, '0')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
    expect(open()).toHaveLength(2);
    expect(open().filter((pc) => before.includes(pc))).toEqual([]);
  });

  it('restart ICE when they fail, and are made anew when that does not help', async () => {
    const [a, b] = await call('a', 'b');
    const [mine, theirs] = open();
    mine!.ice('disconnected');
    await vi.advanceTimersByTimeAsync(1_900);
    expect(mine!.iceRestarts).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(mine!.iceRestarts).toBe(1);
    expect(received(a!, 'b')).toEqual(['a1 waiting audio', 'v1 waiting video']);
    mine!.ice('connected');
    expect(received(a!, 'b')).toEqual(both);

    mine!.ice('failed');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(mine!.closed).toBe(true);
    expect(theirs!.closed).toBe(true); // it was told
    connect();
    expect(open()).toHaveLength(2);
    expect(received(a!, 'b')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
  });

  it('are made anew when ICE does not begin, and not again when it has', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    await Promise.all([a.publish(camera()), b.publish(camera()), settle()]);
    const former = open();
    await vi.advanceTimersByTimeAsync(12_000);
    connect();
    expect(open()).toHaveLength(2);
    expect(open().filter((pc) => former.includes(pc))).toEqual([]);
    expect(received(a, 'b')).toEqual(both);
    expect(received(b, 'a')).toEqual(both);
    const now = open();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open()).toEqual(now);
  });

  it('are not made anew when ICE has found its way meanwhile', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    await Promise.all([a.publish(camera()), b.publish(camera()), settle()]);
    const former = open();
    await vi.advanceTimersByTimeAsync(6_400); // given up, and not made anew yet
    connect();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(open()).toEqual(former);
  });

  it('come together also where what is said takes long', async () => {
    const [a, b] = [server.enter('a'), server.enter('b')];
    server.latency = () => 2_500;
    void a.publish(camera());
    void b.publish(camera());
    for (let second = 0; second < 60; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      for (const pc of open()) if (pc.candidates.length > 0) pc.ice('connected');
    }
    expect(open().map(({ iceConnectionState }) => iceConnectionState)).toEqual(['connected', 'connected']);
    expect(received(a, 'b')).toEqual(both);
    expect(received(b, 'a')).toEqual(both);
  });

  it('make the indicator bad only when none is there', async () => {
    const [a] = await call('a', 'b', 'c');
    const [withB, withC] = open();
    withB!.ice('failed');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(a!.quality.level).toBe(4);
    withC!.ice('failed');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(a!.quality.level).toBe(0);
  });

  it('wait for the signalling before they are repaired', async () => {
    await call('a', 'b');
    const [mine] = open();
    server.cut('a', true);
    mine!.ice('failed');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(mine!.iceRestarts).toBe(0);
    server.cut('a', false);
    await settle();
    expect(mine!.iceRestarts).toBe(1);
  });

  it('say the same again when the server had too much to do', async () => {
    server.refuse.signal = 'too-fast';
    const [a, b] = await call('a', 'b');
    expect(received(a!, 'b')).toEqual(['a1 waiting', 'v1 waiting']);
    delete server.refuse.signal;
    await vi.advanceTimersByTimeAsync(10_000);
    connect();
    expect(received(a!, 'b')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
  });

  it('are not made anew as often as another likes', async () => {
    const [a] = await call('a', 'b');
    const before = FakePeerConnection.all.length;
    server.cut('b', true); // only what is said for it here counts
    for (let connection = 2; connection < 102; connection++) {
      a!.handle('signal', { from: 'b', data: { connection } });
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(FakePeerConnection.all.length - before).toBeLessThanOrEqual(3); // in two seconds
  });

  it.each(['a', 'b'])(
    'come together when %s begins anew twice, and is heard of it at once',
    async (again) => {
      const [a, b] = await call('a', 'b');
      const other = again === 'a' ? 'b' : 'a';
      await vi.advanceTimersByTimeAsync(2_000);
      server.cut(other, true); // what is said to it waits
      let pc = open()[again === 'a' ? 0 : 1]!;
      for (let times = 0; times < 2; times++) {
        pc.connectionState = 'failed';
        pc.onconnectionstatechange?.();
        await vi.advanceTimersByTimeAsync(4_000);
        expect(pc.closed).toBe(true);
        pc = FakePeerConnection.all.at(-1)!;
      }
      server.cut(other, false);
      await vi.advanceTimersByTimeAsync(10_000);
      connect();
      expect(open()).toHaveLength(2);
      expect(received(a!, 'b')).toEqual(both);
      expect(received(b!, 'a')).toEqual(both);
      expect(open().map(({ signalingState }) => signalingState)).toEqual(['stable', 'stable']);
    },
  );

  it('are not made anew because the other side has followed', async () => {
    const [a, b] = await call('a', 'b');
    await vi.advanceTimersByTimeAsync(2_000);
    for (const pc of open()) {
      pc.connectionState = 'failed';
      pc.onconnectionstatechange?.();
    }
    server.cut('a', true);
    server.cut('b', true);
    await vi.advanceTimersByTimeAsync(4_000);
    // Something from before arrives late, so that the other's new connection is news on one that is new itself.
    a!.handle('signal', { from: 'b', data: { connection: 1 } });
    server.cut('a', false);
    server.cut('b', false);
    await vi.advanceTimersByTimeAsync(5_000);
    connect();
    const now = open();
    expect(now).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(open()).toEqual(now);
    expect(received(a!, 'b')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
  });

  it('that both sides begin anew at once come together', async () => {
    const [a, b] = await call('a', 'b');
    for (const pc of open()) {
      pc.connectionState = 'failed';
      pc.onconnectionstatechange?.();
    }
    await vi.advanceTimersByTimeAsync(10_000);
    connect();
    expect(open()).toHaveLength(2);
    expect(received(a!, 'b')).toEqual(both);
    expect(received(b!, 'a')).toEqual(both);
  });
});
