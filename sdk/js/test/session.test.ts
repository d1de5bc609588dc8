import { describe, expect, it } from 'vitest';
import { seeded, World } from './fake-server.js';

describe('entering', () => {
  it('joins with the token and hands over the snapshot', () => {
    const world = new World(seeded(1));
    world.start();
    world.run(1000);
    expect(world.outline()).toEqual(['joined']);
    expect(world.client.live).toBe(true);
  });

  it('fails with the reason when the server refuses', () => {
    const world = new World(seeded(1));
    world.refuse = { code: 'unauthorized', message: 'The token is used.' };
    world.start();
    world.run(1000);
    expect(world.outline()).toEqual(['ended: refused unauthorized']);
  });

  it('fails when the server cannot be reached', () => {
    const world = new World(seeded(1));
    world.reachable = false;
    world.start();
    world.run(1000);
    expect(world.outline()).toEqual(['ended: refused unreachable']);
  });

  it('fails when the server does not answer', () => {
    const world = new World(seeded(1));
    world.mute = true;
    world.start();
    world.run(20_000);
    expect(world.outline()).toEqual(['ended: refused unreachable']);
  });

  it('fails when there is no token', () => {
    const world = new World(seeded(1), [new Error('the back end is down')]);
    world.start();
    expect(world.outline()).toEqual(['ended: refused unauthorized']);
  });
});

describe('requests', () => {
  it('are answered once each, in order', () => {
    const world = entered();
    const ids = [1, 2, 3].map((n) => world.request(n));
    world.run(1000);
    expect(world.answers()).toEqual(ids);
    expect(world.done.map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  it('made during a cut are carried out after it', () => {
    const world = entered();
    world.cut();
    const id = world.request('later');
    world.run(2000);
    expect(world.answers()).toEqual([id]);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'connected']);
  });

  it('are refused when too many wait', () => {
    const world = entered();
    world.cut();
    for (let n = 0; n < 1001; n++) world.request(n);
    expect(world.failures()).toEqual([{ id: 1001, code: 'too-fast' }]);
  });

  it('fail once the session is over', () => {
    const world = entered();
    world.leave();
    world.run(1000);
    const id = world.request('too late');
    expect(world.failures()).toContainEqual({ id, code: 'closed' });
  });
});

describe('acknowledgements', () => {
  it('go out for received frames though nothing is asked', () => {
    const world = entered();
    for (let n = 0; n < 40; n++) world.tell('message', n);
    world.run(2000);
    world.cut();
    world.run(2000);
    // Nothing was repeated to us: else the machine would have had to drop it, and the server to keep it.
    expect(world.events()).toEqual([...Array(40).keys()]);
  });

  it('that do not come make the socket a dead one', () => {
    const world = entered();
    world.stall();
    const id = world.request('into the void');
    world.run(20_000);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'connected']);
    expect(world.answers()).toEqual([id]);
  });

  it('answer those of the server, which speaks every 5 s', () => {
    const world = entered();
    world.run(60_000);
    expect(world.bare).toBe(12);
    expect(world.outline()).toEqual(['joined']);
  });

  it('are missed on a silent socket after 12 s, and sooner when the network changes', () => {
    const idle = entered();
    idle.stall();
    idle.run(10_000);
    expect(idle.outline()).toEqual(['joined']);
    idle.run(5_000);
    expect(idle.outline()).toEqual(['joined', 'reconnecting', 'connected']);

    const woken = entered();
    woken.stall();
    woken.wake();
    woken.run(7_000);
    expect(woken.outline()).toEqual(['joined', 'reconnecting', 'connected']);
  });

  it('are not missed after a long sleep in which nothing could come', () => {
    const world = entered();
    world.now += 3_600_000;
    world.cut(); // the system closed the socket
    world.wake();
    world.run(200);
    expect(world.client.live).toBe(true);
  });
});

describe('coming back', () => {
  it('is tried less and less often, and given up in the end', () => {
    const world = entered([], { reconnectFor: 60_000 });
    world.reachable = false;
    world.cut();
    world.run(10_000);
    const soon = world.sockets;
    expect(soon).toBeGreaterThan(4);
    world.run(10_000);
    expect(world.sockets - soon).toBeLessThanOrEqual(4);
    world.run(50_000);
    expect(world.outline().at(-1)).toBe('ended: timeout timeout');
  });

  it('is tried at once when the network is back', () => {
    const world = entered();
    world.reachable = false;
    world.cut();
    world.run(30_000);
    world.reachable = true;
    const { sockets } = world;
    world.wake();
    expect(world.sockets).toBe(sockets + 1);
    world.run(100);
    expect(world.client.live).toBe(true);
  });

  it('waits longer when the server says that we are too fast', () => {
    const world = entered();
    world.cut(4429);
    world.run(4_900);
    expect(world.client.live).toBe(false);
    world.run(1_000);
    expect(world.client.live).toBe(true);
  });

  it('goes through a server that shuts down', () => {
    const world = entered();
    world.tell('ended', { reason: 'shutdown' });
    world.run(2_000);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'connected']);
  });

  it('to a rebuilt session issues again what may be, and says what is superseded', () => {
    const world = entered();
    world.mute = true; // the server takes no more
    const kept = world.request('kept');
    const offer = world.request('sdp', 'offer', false);
    world.run(50);
    world.mute = false;
    world.restart();
    world.run(2_000);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'resynced', 'connected']);
    expect(world.failures()).toEqual([{ id: offer, code: 'resume-failed' }]);
    expect(world.answers()).toContain(kept);
  });

  it('asks for a fresh token when the session is gone, and does nothing twice', () => {
    const world = entered(['fresh']);
    world.mute = true;
    const sent = world.request('sent');
    world.run(50);
    world.mute = false;
    world.refuse = { code: 'resume-failed', message: 'The session is gone.' };
    world.cut();
    const unsent = world.request('unsent');
    while (world.tokens.length > 0) world.run(10);
    world.refuse = undefined;
    world.run(2_000);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'rejoined', 'connected']);
    expect(world.failures()).toEqual([{ id: sent, code: 'resume-failed' }]);
    expect(world.answers()).toEqual([unsent]);
  });

  it('ends when the fresh token is refused', () => {
    const world = entered(['used']);
    world.refuse = { code: 'resume-failed', message: 'The session is gone.' };
    world.cut();
    while (world.tokens.length > 0) world.run(10);
    world.refuse = { code: 'unauthorized', message: 'The token is used.' };
    world.run(2_000);
    expect(world.outline().at(-1)).toBe('ended: refused unauthorized');
  });

  it('tries again when the server is unavailable for now', () => {
    const world = entered();
    world.refuse = { code: 'unavailable', message: 'No worker.' };
    world.cut();
    world.run(5_000);
    world.refuse = undefined;
    world.run(6_000);
    expect(world.outline()).toEqual(['joined', 'reconnecting', 'connected']);
  });
});

describe('the end', () => {
  it.each([
    ['kicked', 'ended: kicked closed'],
    ['room-deleted', 'ended: room-deleted closed'],
  ])('told as %s is final', (reason, outline) => {
    const world = entered();
    world.tell('ended', { reason });
    world.run(10_000);
    expect(world.outline()).toEqual(['joined', outline]);
    expect(world.sockets).toBe(1);
  });

  it('by close code 4409 is final: the session goes on elsewhere', () => {
    const world = entered();
    world.cut(4409);
    world.run(10_000);
    expect(world.outline()).toEqual(['joined', 'ended: replaced conflict']);
  });

  it('is told to the server on leaving, and does not wait for it long', () => {
    const world = entered();
    world.leave();
    world.run(500);
    expect(world.done.map(({ type }) => type)).toEqual(['leave']);
    expect(world.outline()).toEqual(['joined', 'ended: left closed']);

    const deaf = entered();
    deaf.stall();
    deaf.leave();
    deaf.run(1_100);
    expect(deaf.outline()).toEqual(['joined', 'ended: left closed']);
  });
});

describe('malformed frames', () => {
  it.each(['', '{', 'null', '7', '"x"', '{"seq":9,"type":"message"}', '{"ack":99}'])(
    '%s: resumes',
    (text) => {
      const world = entered();
      world.client.message(world.now, text);
      world.run(2_000);
      expect(world.client.live).toBe(true);
    },
  );

  it('of unknown types are left to the application', () => {
    const world = entered();
    world.tell('weather', 'fine');
    world.run(100);
    expect(world.events()).toEqual(['fine']);
  });
});

// Whatever is cut and when: requests are carried out once and in order, events arrive once and in order.
describe('random cuts lose and repeat nothing', () => {
  it.each([...Array(60).keys()])('seed %i', (seed) => {
    const random = seeded(seed + 100);
    const world = new World(random);
    world.start();
    world.run(1000);
    const requests: number[] = [];
    let events = 0;
    for (let step = 0; step < 300; step++) {
      const dice = random();
      if (dice < 0.35) requests.push(world.request(requests.length));
      else if (dice < 0.7) world.tell('message', events++);
      else if (dice < 0.78) world.cut();
      else if (dice < 0.8) world.stall();
      else if (dice < 0.82) world.wake();
      else world.run(Math.floor(random() * 120));
    }
    world.run(60_000);
    expect(world.done.filter(({ type }) => type === 'message').map(({ data }) => data)).toEqual([
      ...requests.keys(),
    ]);
    expect(world.answers()).toEqual(requests);
    expect(world.failures()).toEqual([]);
    expect(world.events()).toEqual([...Array(events).keys()]);
  });
});

function entered(tokens: string[] = [], times = {}): World {
  const world = new World(seeded(7), ['token', ...tokens], times);
  world.start();
  world.run(1000);
  return world;
}
