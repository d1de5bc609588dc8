import { describe, expect, it } from 'vitest';
import { mergeReports, together } from '../src/connections.js';
import { type Carried, Fanout } from '../src/fanout.js';
import { readSignal } from '../src/peer-signal.js';
import { dBov, Speaking } from '../src/speaking.js';
import { Meter } from '../src/stats.js';
import { FakeDataChannel } from './fake-peers.js';

const channel = (): FakeDataChannel & Carried => new FakeDataChannel('c', 'p') as never;

describe('a channel to several receivers', () => {
  it('sends to each in order, from when it was added', () => {
    const fanout = new Fanout({});
    fanout.send('nobody hears it');
    const [one, two] = [channel(), channel()];
    fanout.add('one', one);
    one.open();
    fanout.add('two', two);
    fanout.send('a');
    fanout.send('b');
    expect([one.sent, two.sent]).toEqual([['a', 'b'], []]);
    two.open();
    expect(two.sent).toEqual(['a', 'b']);
    fanout.remove('one');
    expect(one.readyState).toBe('closed');
    fanout.send('c');
    expect([one.sent.length, two.sent.length]).toEqual([2, 3]);
  });

  it('a slow receiver loses messages of a lossy channel, and a reliable one altogether; the others do not', () => {
    for (const options of [{ maxRetransmits: 0 }, {}]) {
      const fanout = new Fanout(options);
      const [slow, quick] = [channel(), channel()];
      fanout.add('slow', slow);
      fanout.add('quick', quick);
      slow.open();
      quick.open();
      slow.bufferedAmount = 1 << 20;
      fanout.send('x');
      expect(quick.sent).toEqual(['x']);
      expect(slow.sent).toEqual([]);
      expect(slow.readyState).toBe('maxRetransmits' in options ? 'open' : 'closed');
      expect(fanout.knows('slow')).toBe(true); // it does not get another channel with the next subscriber
      fanout.remove('slow');
      expect(fanout.knows('slow')).toBe(false); // but when it subscribes again
    }
  });

  it('counts what waits in bytes', () => {
    const fanout = new Fanout({});
    const one = channel();
    fanout.add('one', one);
    fanout.send('é');
    fanout.send(new ArrayBuffer(3));
    expect(fanout.bufferedAmount).toBe(5);
    one.open();
    expect([one.sent.length, fanout.bufferedAmount]).toEqual([2, 0]);
  });

  it('what waits for a receiver that never opens is bounded', () => {
    const fanout = new Fanout({ maxPacketLifeTime: 10 });
    fanout.add('one', channel());
    for (let i = 0; i < 100; i++) fanout.send(new ArrayBuffer(64 << 10));
    expect(fanout.bufferedAmount).toBeLessThanOrEqual(256 << 10);
  });
});

describe('what another participant says', () => {
  it('is read, or dropped', () => {
    const description = { type: 'offer', sdp: 'v=0' };
    const good = {
      connection: 1,
      peer: 2,
      description,
      offer: 3,
      tracks: [{ mid: '0', stream: 5, track: 'cam' }],
    };
    expect(readSignal(good)).toEqual(good);
    expect(readSignal({ connection: 1, candidates: [{ candidate: 'x' }], more: 1 })).toEqual({
      connection: 1,
      candidates: [{ candidate: 'x' }],
    });
    for (const bad of [
      undefined,
      'x',
      { connection: 0 },
      { connection: 1.5 },
      { connection: 1, peer: -1 },
      { connection: 1, description },
      { connection: 1, description: { type: 'rollback', sdp: '' }, offer: 1 },
      { connection: 1, description: { type: 'offer' }, offer: 1 },
      { connection: 1, tracks: [{ mid: 0, stream: 5, track: 'cam' }] },
      { connection: 1, tracks: Array(2_000).fill({ mid: '0', stream: 5, track: 'cam' }) },
      { connection: 1, candidates: ['x'] },
      { connection: 1, candidates: {} },
    ]) {
      expect(readSignal(bad), JSON.stringify(bad)?.slice(0, 80)).toBeUndefined();
    }
  });
});

describe('statistics of several connections', () => {
  it('add up, and the worst delay and loss count', () => {
    const one = {
      rtt: 0.1,
      bitrateIn: 1,
      bitrateOut: 2,
      availableOut: 10,
      protocol: 'udp',
      lossIn: 0,
      lossOut: 0.2,
      freezes: 1,
    };
    const two = { ...one, rtt: 0.3, availableOut: undefined, lossOut: 0.1 };
    expect(together([one, two])).toEqual({
      rtt: 0.3,
      bitrateIn: 2,
      bitrateOut: 4,
      availableOut: 10,
      protocol: 'udp',
      lossIn: 0,
      lossOut: 0.2,
      freezes: 2,
    });
    expect(together([])).toMatchObject({ rtt: undefined, bitrateIn: 0, lossIn: 0 });
  });

  it('are one report in which nothing is mixed up', () => {
    const report = (kind: string) =>
      new Map<string, unknown>([
        [
          'I',
          { id: 'I', type: 'inbound-rtp', kind: 'video', codecId: 'C', timestamp: 1, trackIdentifier: 't' },
        ],
        ['C', { id: 'C', type: 'codec', mimeType: `video/${kind}` }],
      ]) as unknown as RTCStatsReport;
    const only = report('VP8');
    expect(mergeReports([[undefined, only]])).toBe(only);
    const merged = mergeReports([
      ['ana', report('VP8')],
      ['ben', report('AV1')],
    ]);
    const read = new Meter().read(merged as unknown as Iterable<[string, unknown]>);
    expect(read.tracks.map(({ codec, mediaTrack }) => `${codec} ${mediaTrack}`)).toEqual(['VP8 t', 'AV1 t']);
  });
});

describe('who speaks', () => {
  const heard = (stream: number, level: number) => ({ stream, track: 'mic', level });
  const ids = (speakers: { stream: number }[] | undefined) => speakers?.map(({ stream }) => stream);

  it('is told when it changes, loudest first, and not between words', () => {
    const speaking = new Speaking();
    expect(speaking.hear(0, [heard(1, -127), heard(2, -60)])).toBeUndefined();
    expect(ids(speaking.hear(300, [heard(1, -40), heard(2, -20)]))).toEqual([2, 1]);
    expect(speaking.hear(600, [heard(1, -41), heard(2, -127)])).toBeUndefined();
    expect(ids(speaking.hear(1_200, [heard(1, -41), heard(2, -127)]))).toEqual([1]);
    expect(ids(speaking.hear(1_500, [heard(2, -127)]))).toEqual([]); // its stream ended
    expect(speaking.hear(1_800, [])).toBeUndefined();
  });

  it('levels are those of RFC 6464', () => {
    expect([0, 1e-9, 0.001, 0.1, 1, 2].map(dBov)).toEqual([-127, -127, -60, -20, 0, 0]);
  });
});
