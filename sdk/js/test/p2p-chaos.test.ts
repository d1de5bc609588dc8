// A room of three through everything that may happen to it, by chance and in virtual time. In the end each has what it
// wants of the others, and nothing moves any more.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Room } from '../src/room.js';
import { camera, FakeMediaStream } from './fake-media.js';
import { FakePeerConnection, PeerServer } from './fake-peers.js';
import { seeded } from './fake-server.js';

let random: () => number;
const chance = (of: number): boolean => random() < of;
const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
const pause = (most: number): Promise<void> => new Promise((done) => setTimeout(done, random() * most));

/** A connection that takes its time, and knows whose descriptions it has. */
class NetworkedConnection extends FakePeerConnection {
  static deaf = 0; // how often ICE never begins
  remote: NetworkedConnection | undefined;
  /** It has none of the other's addresses, or the network no way. */
  broken = chance(NetworkedConnection.deaf);
  since = 0;
  #restarted = 0;

  get others(): NetworkedConnection[] {
    return FakePeerConnection.all as NetworkedConnection[];
  }

  override async setLocalDescription(description: { type: string; sdp: string }): Promise<void> {
    await pause(30);
    await super.setLocalDescription(description);
    if (this.localDescription) this.localDescription.sdp += `a=from:${this.others.indexOf(this)}\r\n`;
  }

  override async setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    await pause(30);
    await super.setRemoteDescription(description);
    this.remote = this.others[Number(/a=from:(\d+)/.exec(description.sdp)?.[1])];
  }

  /** Some time has passed. */
  tick(): void {
    if (this.closed) return;
    const { remote } = this;
    if (this.broken && this.iceRestarts > this.#restarted && this.signalingState === 'stable') {
      this.#restarted = this.iceRestarts;
      if (chance(0.5) && this.iceConnectionState !== 'new') this.broken = false;
    }
    const agreed = remote && remote.remote === this && this.signalingState !== 'closed';
    const works = agreed && !remote.closed && !this.broken && !remote.broken && this.candidates.length > 0;
    const state = this.iceConnectionState;
    if (state === 'new') {
      if (agreed && !this.broken && this.candidates.length > 0) this.#to('checking');
    } else if (works) {
      if (state !== 'connected' && chance(0.3)) this.#to('connected');
    } else if (state === 'connected') this.#to('disconnected');
    else if (state !== 'failed' && ++this.since > 50) this.#to('failed');
  }

  #to(state: string): void {
    this.since = 0;
    this.ice(state);
  }
}

const open = (): NetworkedConnection[] =>
  FakePeerConnection.all.filter(({ closed }) => !closed) as NetworkedConnection[];

async function run(duration: number): Promise<void> {
  for (let passed = 0; passed < duration; passed += 100) {
    for (const pc of open()) pc.tick();
    await vi.advanceTimersByTimeAsync(100);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('MediaStream', FakeMediaStream);
  vi.stubGlobal('RTCPeerConnection', NetworkedConnection);
  vi.stubGlobal('RTCRtpReceiver', {});
  vi.stubGlobal('RTCRtpSender', { getCapabilities: () => ({ codecs: [] }) });
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function trial(seed: number): Promise<void> {
  const rooms: Room[] = [];
  try {
    await live(seed, rooms);
  } finally {
    for (const room of rooms)
      room.sessionEnded('left', Object.assign(new Error(''), { code: 'closed' }) as never);
    vi.clearAllTimers();
    await vi.advanceTimersByTimeAsync(0);
  }
}

async function live(seed: number, rooms: Room[]): Promise<void> {
  random = seeded(seed);
  vi.spyOn(Math, 'random').mockImplementation(() => random());
  FakePeerConnection.all = [];
  const server = new PeerServer();
  NetworkedConnection.deaf = pick([0, 0.1, 0.3])!;
  const slow = pick([20, 200, 2_000])!;
  server.latency = () => random() * slow;
  const ids = ['a', 'b', 'c'];
  const away = new Map<string, NonNullable<ReturnType<PeerServer['inside']['get']>>>();
  for (const id of ids) {
    rooms.push(server.enter(id));
    await run(random() * 300);
  }
  const back = (id: string): void => {
    const me = away.get(id);
    away.delete(id);
    if (!me) return;
    me.cut = false;
    me.live = true;
    server.back(me);
    me.room.stateChanged('connected');
  };
  const ignore = (): void => {};
  for (let events = 12; events > 0; events--) {
    const id = pick(ids)!;
    const room = rooms[ids.indexOf(id)]!;
    const [own] = room.localStreams;
    const pc = pick(open());
    const mine = server.inside.get(id);
    switch (
      pick([
        'publish',
        'publish',
        'unpublish',
        'cut',
        'restart',
        'break',
        'dtls',
        'refuse',
        'wish',
        'channel',
      ])
    ) {
      case 'publish':
        if (room.localStreams.length < 2) void room.publish(camera({ data: true })).catch(ignore);
        break;
      case 'unpublish':
        if (own) void room.unpublish(own).catch(ignore);
        break;
      case 'cut':
        if (mine) server.cut(id, !mine.cut);
        break;
      case 'restart':
        for (const [name, me] of server.restart()) {
          away.set(name, me);
          if (!me.cut) me.room.stateChanged('reconnecting');
          me.cut = true;
          me.live = false;
        }
        break;
      case 'break':
        if (pc) pc.broken = true;
        break;
      case 'dtls':
        if (!pc) break;
        pc.connectionState = 'failed';
        pc.onconnectionstatechange?.();
        break;
      case 'refuse':
        if (server.refuse.signal) delete server.refuse.signal;
        else server.refuse.signal = chance(0.5) ? 'too-fast' : 'unavailable';
        break;
      case 'wish': {
        const stream = pick([...room.streams.values()]);
        if (!stream) break;
        if (chance(0.3)) void room.unsubscribe(stream).catch(ignore);
        else void room.subscribe(stream, { video: chance(0.5) }).catch(ignore);
        break;
      }
      case 'channel':
        own?.openChannel(`channel-${events}`);
        break;
    }
    await run(random() * pick([50, 1_000, 8_000])!);
    if (chance(0.6)) back(pick(ids)!);
  }
  delete server.refuse.signal;
  NetworkedConnection.deaf = 0;
  for (const id of ids) {
    back(id);
    if (server.inside.get(id)!.cut) server.cut(id, false);
    await run(random() * 9_000);
  }
  await run(60_000);
  const [connections, requests] = [FakePeerConnection.all.length, server.requests.length];
  const begun = open().filter((pc) => pc.localDescription || pc.remote);
  for (const pc of begun) expect([pc.signalingState, pc.iceConnectionState]).toEqual(['stable', 'connected']);
  for (const room of rooms) {
    for (const stream of room.streams.values()) {
      for (const { id, state } of stream.tracks) {
        const { wanted } = stream;
        const asked = wanted && (!wanted.tracks || wanted.tracks.includes(id));
        expect(`${stream.id} ${id} ${state}`).toBe(`${stream.id} ${id} ${asked ? 'active' : 'none'}`);
      }
    }
    const others = rooms.filter((other) => other !== room);
    expect(room.participants.size).toBe(2);
    expect([...room.streams.keys()].sort()).toEqual(
      others.flatMap((other) => other.localStreams.map(({ id }) => id!)).sort(),
    );
  }
  expect(open().length).toBeLessThanOrEqual(6);
  await run(30_000);
  expect([FakePeerConnection.all.length, server.requests.length]).toEqual([connections, requests]);
}

describe('a peer-to-peer room', () => {
  it('comes to rest with all that is wanted, whatever happened', { timeout: 120_000 }, async () => {
    const failed: string[] = [];
    for (let seed = 1; seed <= 200; seed++) {
      await trial(seed).catch((error: Error) => failed.push(`${seed}: ${error.message.split('\n')[0]}`));
    }
    expect(failed).toEqual([]);
  });
});
