// The server's side of a session, as docs/protocol.md has it, in virtual time: sockets can be cut at
// any moment, and what was on the way is lost.

import type { Frame } from '../src/protocol.js';
import { type Effect, Session, type SessionTimes } from '../src/session.js';

export interface Taken {
  type: string;
  data: unknown;
}

/** A session's memory on the server. */
class ServerSession {
  received = 0;
  next = 1;
  unacknowledged: Frame[] = [];
  readonly resume: string;

  constructor(epoch: number) {
    this.resume = `resume-${epoch}`;
  }
}

interface Flight {
  at: number;
  what: () => void;
}

export const snapshot = (resume: string) => ({
  participant: { id: 'me', user: 'me', role: 'presenter' },
  room: { id: 'r', name: 'r', codecs: [] },
  participants: [],
  streams: [],
  resume,
  resumeWindow: 30,
});

/** A Session and a server on one virtual clock. */
export class World {
  now = 0;
  readonly client: Session;
  /** Requests that the server has carried out, in their order. */
  readonly done: Taken[] = [];
  /** Effects for the application, in their order. */
  readonly told: Effect[] = [];
  readonly tokens: (string | Error)[];
  epoch = 1;
  reachable = true;
  refuse: { code: string; message: string } | undefined;
  /** Whether the server still acknowledges and answers. */
  mute = false;
  /** Number of sockets that were opened. */
  sockets = 0;
  #session: ServerSession | undefined;
  #flights: Flight[] = [];
  #socket = 0; // the one in use, 0: none
  #signOfLife = 5_000;
  readonly #random: () => number;
  /** Bare acknowledgements that came. */
  bare = 0;

  constructor(
    random: () => number,
    tokens: (string | Error)[] = ['token'],
    times: Partial<SessionTimes> = {},
  ) {
    this.#random = random;
    this.tokens = tokens;
    this.client = new Session({ protocol: 1 }, random, times);
  }

  start(): void {
    this.client.start(this.now);
    this.#drain();
  }

  request(data: unknown, type = 'message', keep = true): number {
    const id = this.client.request(this.now, type, data, keep);
    this.#drain();
    return id;
  }

  /** An event of the server. */
  tell(type: string, data: unknown): void {
    this.#send({ type, data });
  }

  /** The socket breaks; what is on the way is lost. */
  cut(code = 1006): void {
    if (this.#socket === 0) return;
    this.#socket = 0;
    this.#flights = [];
    this.client.closed(this.now, code, '');
    this.#drain();
  }

  /** The socket breaks in silence. */
  stall(): void {
    this.#flights = [];
    this.#socket = -1;
  }

  /** The server forgets the session but honours its resume token, as after a restart. */
  restart(): void {
    this.epoch++;
    this.#session = undefined;
    this.cut();
  }

  leave(): void {
    this.client.leave(this.now);
    this.#drain();
  }

  wake(): void {
    this.client.wake(this.now);
    this.#drain();
  }

  /** Lets time pass. */
  run(duration: number): void {
    const until = this.now + duration;
    for (;;) {
      const timer = this.client.timer() ?? Number.POSITIVE_INFINITY;
      const flight = this.#flights.reduce<Flight | undefined>(
        (a, b) => (a && a.at <= b.at ? a : b),
        undefined,
      );
      const next = Math.min(timer, flight?.at ?? Number.POSITIVE_INFINITY, this.#signOfLife);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (next === this.#signOfLife) {
        this.#signOfLife += 5_000;
        if (this.#session) this.#put({ ack: this.#session.received });
      } else if (flight && flight.at <= timer) {
        this.#flights.splice(this.#flights.indexOf(flight), 1);
        flight.what();
      } else {
        this.client.advance(this.now);
      }
      this.#drain();
    }
    this.now = until;
  }

  #drain(): void {
    for (let effects = this.client.take(); effects.length > 0; effects = this.client.take()) {
      for (const effect of effects) this.#carryOut(effect);
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case 'open': {
        const socket = ++this.sockets;
        this.#flights = [];
        this.#socket = socket;
        this.#fly(() => {
          if (this.reachable) this.client.opened(this.now);
          else this.cut();
        });
        break;
      }
      case 'drop':
        this.#socket = 0;
        this.#flights = [];
        break;
      case 'token': {
        const token = this.tokens.shift() ?? new Error('no more tokens');
        if (typeof token === 'string') this.client.token(this.now, token);
        else this.client.tokenFailed(this.now, token);
        break;
      }
      case 'send':
        if (this.#socket > 0) this.#fly(() => this.#take(JSON.parse(effect.text)));
        break;
      default:
        this.told.push(effect);
    }
  }

  // In order, after some time.
  #fly(what: () => void): void {
    const last = this.#flights.reduce((at, flight) => Math.max(at, flight.at), this.now);
    this.#flights.push({ at: last + 1 + Math.floor(this.#random() * 20), what });
  }

  #send(frame: Frame): void {
    const session = this.#session;
    if (!session) return;
    const numbered = { ...frame, seq: session.next++ };
    session.unacknowledged.push(numbered);
    this.#put({ ...numbered, ack: session.received });
  }

  #put(frame: Frame): void {
    if (this.#socket <= 0 || this.mute) return;
    const text = JSON.stringify(frame);
    this.#fly(() => this.client.message(this.now, text));
  }

  #take(frame: Frame): void {
    const { resume } = this.#session ?? {};
    switch (frame.type) {
      case 'join':
        if (this.refuse) {
          this.#put({ type: 'refused', data: this.refuse });
          return;
        }
        this.#session = new ServerSession(this.epoch);
        this.#put({ type: 'joined', data: snapshot(this.#session.resume) });
        return;
      case 'resume': {
        const { token, ack } = frame.data as { token: string; ack: number };
        if (this.refuse) {
          const refusal = this.refuse;
          this.#put({ type: 'refused', data: refusal });
          return;
        }
        if (this.#session && token === resume) {
          this.#session.unacknowledged = this.#session.unacknowledged.filter(({ seq = 0 }) => seq > ack);
          this.#put({ type: 'resumed', data: { ack: this.#session.received, resume: this.#session.resume } });
          for (const each of this.#session.unacknowledged) this.#put(each);
          return;
        }
        this.#session = new ServerSession(this.epoch);
        this.#put({ type: 'resynced', data: snapshot(this.#session.resume) });
        return;
      }
    }
    const session = this.#session;
    if (!session) return;
    session.unacknowledged = session.unacknowledged.filter(({ seq = 0 }) => seq > (frame.ack ?? 0));
    if (!frame.type) {
      this.bare++;
      return;
    }
    if (this.mute) return;
    const seq = frame.seq ?? 0;
    if (seq <= session.received) return;
    if (seq !== session.received + 1)
      throw new Error(`the client skipped from ${session.received} to ${seq}`);
    session.received = seq;
    this.done.push({ type: frame.type, data: frame.data });
    this.#send({ type: 'ok', re: seq, data: { echo: frame.data } });
  }

  // What the application was told, by kind.

  answers(): number[] {
    return this.told.flatMap((effect) => (effect.do === 'answer' ? [effect.id] : []));
  }

  failures(): { id: number; code: string }[] {
    return this.told.flatMap((effect) =>
      effect.do === 'fail' ? [{ id: effect.id, code: effect.error.code }] : [],
    );
  }

  events(): unknown[] {
    return this.told.flatMap((effect) => (effect.do === 'event' ? [effect.data] : []));
  }

  outline(): string[] {
    return this.told.flatMap((effect) => {
      if (effect.do === 'entered') return [effect.how];
      if (effect.do === 'state') return [effect.state];
      if (effect.do === 'ended') return [`ended: ${effect.reason} ${effect.error.code}`];
      return [];
    });
  }
}

/** A seeded source of numbers in 0…1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
