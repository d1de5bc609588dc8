// The machine of a signalling session: numbering, acknowledgements, replay, resumption.
// It is told what happened and when; it has no clock, timer or socket. signal.ts owns those.

import { type ErrorCode, TertuliaError } from './errors.js';
import type { Frame, Joined, WireError } from './protocol.js';

/** How the session came to have a snapshot. */
export type Entry =
  /** For the first time. */
  | 'joined'
  /** The server rebuilt the session: same participant, nothing of its streams and transports. */
  | 'resynced'
  /** The session was lost; this is a new participant, with a fresh token. */
  | 'rejoined';

/** What the owner of the machine has to do, in this order. */
export type Effect =
  /** Open a socket; a former one is no longer listened to. */
  | { do: 'open' }
  | { do: 'send'; text: string }
  /** Close the socket and listen to it no longer. */
  | { do: 'drop' }
  /** Ask the application for a token, then tell token() or tokenFailed(). */
  | { do: 'token' }
  | { do: 'entered'; how: Entry; snapshot: Joined }
  /** The session goes on, or is cut. */
  | { do: 'state'; state: 'connected' | 'reconnecting' }
  | { do: 'event'; type: string; data: unknown }
  | { do: 'answer'; id: number; data: unknown }
  | { do: 'fail'; id: number; error: TertuliaError }
  /** Final. */
  | { do: 'ended'; reason: string; error: TertuliaError };

/** Times of the session, milliseconds. */
export interface SessionTimes {
  /** How long a socket may take to open, and the server to let us in. */
  open: number;
  enter: number;
  /** A received frame is acknowledged after this at the latest. */
  ack: number;
  /** A socket on which a sent frame is not acknowledged for so long is dead. */
  dead: number;
  /** A socket on which nothing was heard for so long is dead: the server speaks every 5 s. */
  silent: number;
  /** The same, when there is reason to doubt the socket. */
  doubt: number;
  /** Bounds of the exponential backoff. */
  backoffMin: number;
  backoffMax: number;
  /** How long to try to come back. */
  reconnectFor: number;
}

export const defaultTimes: SessionTimes = {
  open: 6_000,
  enter: 8_000,
  ack: 200,
  dead: 8_000,
  silent: 12_000,
  doubt: 5_500,
  backoffMin: 250,
  backoffMax: 5_000,
  reconnectFor: 120_000,
};

/** Received frames that are acknowledged at once. */
const ackEvery = 16;

/** Unanswered requests that are kept: more is the application's fault. */
const maxPending = 1000;

/** A request that waits for its answer. */
interface Request {
  id: number;
  seq: number;
  type: string;
  data: unknown;
  /** Whether it is issued again in a rebuilt session; if not, it fails with Superseded. */
  keep: boolean;
  /** Whether it was ever put on a socket: then the server may have done it. */
  sent: boolean;
}

/** The request belonged to a session that was rebuilt; what it asked for is asked anew. */
export class Superseded extends TertuliaError {
  constructor() {
    super('resume-failed', 'The session was rebuilt before the server answered.');
  }
}

/** What a session is in the middle of. */
type Phase =
  | 'new'
  | 'token' // the application is asked for a token
  | 'opening'
  | 'joining'
  | 'resuming'
  | 'live'
  | 'waiting' // for the next attempt
  | 'ended';

/** A signalling session: told what happened, it says what to do (take) and when to be told the time (timer). */
export class Session {
  #phase: Phase = 'new';
  readonly #times: SessionTimes;
  readonly #random: () => number;
  #effects: Effect[] = [];

  /** For join; undefined once used, when a fresh one is needed. */
  #token: string | undefined;
  readonly #opening: { protocol: number; client?: string };
  /** The participant's own, for a session that has to be rebuilt. */
  metadata: unknown;
  /** For resume; undefined before the session exists and after it is lost. */
  #resume: string | undefined;
  #entered = false;

  // Of the session.
  #received = 0; // highest number taken from the server
  #acknowledged = 0; // what we have told it of that
  #next = 1; // number of the next request
  #unacknowledged: Request[] = [];
  #pending = new Map<number, Request>(); // by number
  #ids = 0;

  // Times; undefined: not set.
  #deadline: number | undefined; // of the phases that wait for the other side
  #attemptAt: number | undefined;
  #ackAt: number | undefined;
  #deadAt: number | undefined;
  #heardAt = 0; // when something last came on the socket
  #silentAt = 0; // when that is too long ago
  #cutAt = 0;
  #attempts = 0;
  #leaving = false;

  constructor(
    opening: { protocol: number; client?: string },
    random: () => number = Math.random,
    times: Partial<SessionTimes> = {},
  ) {
    this.#opening = opening;
    this.#random = random;
    this.#times = { ...defaultTimes, ...times };
  }

  /** What is to be done since the last call. */
  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  get live(): boolean {
    return this.#phase === 'live';
  }

  get ended(): boolean {
    return this.#phase === 'ended';
  }

  /** When advance is next due. */
  timer(): number | undefined {
    const times = [this.#deadline, this.#attemptAt];
    if (this.#phase === 'live') times.push(this.#ackAt, this.#deadAt, this.#silentAt);
    return times.reduce((a, b) => (a === undefined ? b : b === undefined ? a : Math.min(a, b)), undefined);
  }

  /** Begins. */
  start(now: number): void {
    this.#cutAt = now;
    this.#phase = 'token';
    this.#effects.push({ do: 'token' });
  }

  /** The application gave a token. */
  token(now: number, token: string): void {
    if (this.#phase !== 'token') return;
    this.#token = token;
    this.#open(now);
  }

  /** The application could not give a token. */
  tokenFailed(now: number, error: unknown): void {
    if (this.#phase !== 'token') return;
    if (this.#entered) {
      this.#retry(now, 0);
      return;
    }
    this.#end(
      'refused',
      error instanceof TertuliaError
        ? error
        : new TertuliaError('unauthorized', `There is no token: ${sentence(error)}`, { cause: error }),
    );
  }

  /** The socket is open. */
  opened(now: number): void {
    if (this.#phase !== 'opening') return;
    this.#deadline = now + this.#times.enter;
    if (this.#resume !== undefined) {
      this.#phase = 'resuming';
      this.#send({
        type: 'resume',
        data: { token: this.#resume, ack: this.#received, metadata: this.metadata },
      });
      return;
    }
    this.#phase = 'joining';
    this.#send({ type: 'join', data: { ...this.#opening, token: this.#token, metadata: this.metadata } });
    this.#token = undefined; // it may be good for one use only
  }

  /** The socket closed, or could not be opened. */
  closed(now: number, code: number, reason: string): void {
    if (this.#phase === 'ended' || this.#phase === 'waiting' || this.#phase === 'token') return;
    if (this.#leaving) {
      this.#end('left', left());
      return;
    }
    if (!this.#entered) {
      this.#end('refused', closeError(code, reason));
      return;
    }
    switch (code) {
      case 1000:
        this.#end('left', new TertuliaError('closed', reason || 'The server ended the session.'));
        return;
      case 4400:
        this.#end('refused', new TertuliaError('bad-request', reason || 'The server did not understand.'));
        return;
      case 4409:
        this.#end('replaced', new TertuliaError('conflict', reason || 'The session goes on elsewhere.'));
        return;
    }
    this.#cut(now, code === 4429 ? this.#times.backoffMax : 0);
  }

  /** A text message came on the socket. */
  message(now: number, text: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#broken(now);
      return;
    }
    if (typeof frame !== 'object' || frame === null) {
      this.#broken(now);
      return;
    }
    this.#heardAt = now;
    this.#silentAt = now + this.#times.silent;
    switch (this.#phase) {
      case 'joining':
      case 'resuming':
        this.#opened(now, frame);
        break;
      case 'live':
        this.#numbered(now, frame);
        break;
    }
  }

  /** Puts a request on its way, now or once the socket is back; its id is in the answer. */
  request(now: number, type: string, data: unknown, keep: boolean): number {
    const id = ++this.#ids;
    if (this.#phase === 'ended' || !this.#entered || this.#leaving) {
      this.#effects.push({ do: 'fail', id, error: new TertuliaError('closed', 'The room was left.') });
      return id;
    }
    if (this.#pending.size >= maxPending) {
      this.#effects.push({
        do: 'fail',
        id,
        error: new TertuliaError('too-fast', 'Too many requests wait for the server.'),
      });
      return id;
    }
    this.#issue(now, { id, seq: 0, type, data, keep, sent: false });
    return id;
  }

  /** Ends the session: politely if the socket is open. */
  leave(now: number): void {
    if (this.#phase === 'ended' || this.#leaving) return;
    if (this.#phase !== 'live') {
      this.#end('left', left());
      return;
    }
    this.#issue(now, { id: ++this.#ids, seq: 0, type: 'leave', data: {}, keep: false, sent: false });
    this.#leaving = true;
    this.#deadline = now + 1_000;
  }

  /** The network may have changed, or the page was asleep: the socket is tried, or opened at once. */
  wake(now: number): void {
    if (this.#phase === 'waiting') {
      this.#attempts = 0;
      this.#attempt(now);
    } else if (this.#phase === 'live') {
      // What was heard before a long sleep says nothing; the next sign of life is due within 5 s.
      this.#silentAt = Math.min(this.#silentAt, Math.max(this.#heardAt + this.#times.doubt, now + 500));
      if (this.#deadAt !== undefined) this.#deadAt = Math.min(this.#deadAt, now + 2_000);
    }
  }

  /** Time has passed. */
  advance(now: number): void {
    if (this.#deadline !== undefined && now >= this.#deadline) {
      this.#deadline = undefined;
      if (this.#leaving) {
        this.#end('left', left());
        return;
      }
      if (!this.#entered) {
        this.#effects.push({ do: 'drop' });
        this.#end('refused', new TertuliaError('unreachable', 'The server does not answer.'));
        return;
      }
      this.#broken(now);
      return;
    }
    if (this.#attemptAt !== undefined && now >= this.#attemptAt) this.#attempt(now);
    if (this.#phase !== 'live') return;
    if (now >= this.#silentAt || (this.#deadAt !== undefined && now >= this.#deadAt)) {
      this.#broken(now);
      return;
    }
    if (this.#ackAt !== undefined && now >= this.#ackAt) this.#acknowledge();
  }

  // An answer to join or resume.
  #opened(now: number, frame: Frame): void {
    switch (frame.type) {
      case 'joined':
      case 'resynced': {
        const snapshot = frame.data as Joined;
        const how: Entry = frame.type === 'resynced' ? 'resynced' : this.#entered ? 'rejoined' : 'joined';
        this.#rebuilt(now, how, snapshot);
        return;
      }
      case 'resumed': {
        const data = frame.data as { ack: number; resume: string };
        this.#resume = data.resume;
        this.#live();
        this.#takeAck(now, data.ack);
        for (const request of this.#unacknowledged) this.#put(now, request);
        this.#effects.push({ do: 'state', state: 'connected' });
        return;
      }
      case 'refused':
        this.#refused(now, frame.data as WireError);
        return;
      default:
        this.#deadline = undefined;
        if (this.#entered) this.#broken(now);
        else this.#end('refused', new TertuliaError('unsupported', 'The server speaks another protocol.'));
    }
  }

  // A snapshot begins a session whose numbers start at 1.
  #rebuilt(now: number, how: Entry, snapshot: Joined): void {
    const former = [...this.#pending.values()].sort((a, b) => a.seq - b.seq);
    this.#resume = snapshot.resume;
    this.#received = 0;
    this.#acknowledged = 0;
    this.#next = 1;
    this.#unacknowledged = [];
    this.#pending.clear();
    const back = this.#entered;
    this.#entered = true;
    this.#live();
    this.#effects.push({ do: 'entered', how, snapshot });
    for (const request of former) {
      if (!request.keep) {
        this.#effects.push({ do: 'fail', id: request.id, error: new Superseded() });
      } else if (how === 'rejoined' && request.sent) {
        // Doing it as another participant might do it twice.
        const message = 'The session was lost before the server answered: whether it was done is not known.';
        this.#effects.push({
          do: 'fail',
          id: request.id,
          error: new TertuliaError('resume-failed', message),
        });
      } else {
        this.#issue(now, request);
      }
    }
    if (back) this.#effects.push({ do: 'state', state: 'connected' });
  }

  #live(): void {
    this.#phase = 'live';
    this.#deadline = undefined;
    this.#ackAt = undefined;
    this.#deadAt = undefined;
    this.#attempts = 0;
    this.#acknowledged = this.#received;
  }

  #refused(now: number, error: WireError): void {
    this.#deadline = undefined;
    this.#effects.push({ do: 'drop' });
    const refusal = new TertuliaError(error?.code ?? 'internal', error?.message ?? 'The server refused.');
    if (!this.#entered) {
      this.#end('refused', refusal);
      return;
    }
    if (error?.code === 'unavailable' || error?.code === 'too-fast') {
      this.#retry(now, this.#times.backoffMin);
      return;
    }
    if (this.#phase === 'joining') {
      this.#end('refused', refusal);
      return;
    }
    // The session is gone: a fresh token, and in again.
    this.#resume = undefined;
    this.#phase = 'token';
    this.#effects.push({ do: 'token' });
  }

  #numbered(now: number, frame: Frame): void {
    if (frame.ack !== undefined) {
      if (frame.ack >= this.#next) {
        this.#broken(now);
        return;
      }
      this.#takeAck(now, frame.ack);
    }
    if (frame.type === undefined) {
      this.#acknowledge(); // a sign of life, which wants one of ours
      return;
    }
    const seq = frame.seq ?? 0;
    if (seq <= this.#received) return; // a repeat
    if (seq > this.#received + 1) {
      this.#broken(now); // something is missing: resuming brings it
      return;
    }
    this.#received = seq;
    if (this.#received - this.#acknowledged >= ackEvery) this.#acknowledge();
    else this.#ackAt ??= now + this.#times.ack;

    if (frame.type === 'ok' || frame.type === 'error') {
      this.#answered(now, frame);
      return;
    }
    if (frame.type === 'ended') {
      const { reason, message } = frame.data as { reason: string; message?: string };
      if (reason === 'shutdown') {
        this.#effects.push({ do: 'drop' });
        this.#cut(now, 0);
        return;
      }
      this.#end(reason, new TertuliaError('closed', message || endSentence(reason)));
      return;
    }
    this.#effects.push({ do: 'event', type: frame.type, data: frame.data });
  }

  #answered(now: number, frame: Frame): void {
    const re = frame.re ?? 0;
    const request = this.#pending.get(re);
    if (!request) return;
    this.#pending.delete(re);
    this.#takeAck(now, Math.max(re, 0));
    if (request.type === 'leave') {
      this.#end('left', left());
    } else if (frame.type === 'ok') {
      this.#effects.push({ do: 'answer', id: request.id, data: frame.data });
    } else {
      const { code, message } = (frame.data ?? {}) as Partial<WireError>;
      const error = new TertuliaError(code ?? 'internal', message ?? 'The server gave no reason.');
      this.#effects.push({ do: 'fail', id: request.id, error });
    }
  }

  #takeAck(now: number, ack: number): void {
    const first = this.#unacknowledged[0];
    if (!first || first.seq > ack) return;
    this.#unacknowledged = this.#unacknowledged.filter((request) => request.seq > ack);
    this.#deadAt = this.#unacknowledged.length > 0 ? now + this.#times.dead : undefined;
  }

  #issue(now: number, request: Request): void {
    request.seq = this.#next++;
    this.#unacknowledged.push(request);
    this.#pending.set(request.seq, request);
    if (this.#phase === 'live') this.#put(now, request);
  }

  #put(now: number, request: Request): void {
    request.sent = true;
    this.#deadAt ??= now + this.#times.dead;
    this.#send({
      seq: request.seq,
      ack: this.#received || undefined,
      type: request.type,
      data: request.data,
    });
    this.#acknowledged = this.#received;
    this.#ackAt = undefined;
  }

  #acknowledge(): void {
    this.#acknowledged = this.#received;
    this.#ackAt = undefined;
    this.#send({ ack: this.#received });
  }

  #send(frame: Frame): void {
    this.#effects.push({ do: 'send', text: JSON.stringify(frame) });
  }

  // The socket is not good any more, whatever it says of itself.
  #broken(now: number): void {
    this.#effects.push({ do: 'drop' });
    if (this.#leaving) {
      this.#end('left', left());
    } else if (!this.#entered) {
      this.#end('refused', new TertuliaError('unsupported', 'The server speaks another protocol.'));
    } else {
      this.#cut(now, 0);
    }
  }

  #cut(now: number, atLeast: number): void {
    if (this.#phase === 'live') {
      this.#cutAt = now;
      this.#attempts = 0;
      this.#effects.push({ do: 'state', state: 'reconnecting' });
    }
    this.#retry(now, atLeast);
  }

  #retry(now: number, atLeast: number): void {
    if (now - this.#cutAt > this.#times.reconnectFor) {
      this.#end('timeout', new TertuliaError('timeout', 'The server could not be reached any more.'));
      return;
    }
    this.#phase = 'waiting';
    this.#deadline = undefined;
    const { backoffMin, backoffMax } = this.#times;
    // The first attempt comes almost at once; the jitter spreads the clients of a restarted server.
    const base = this.#attempts === 0 ? 0 : Math.min(backoffMax, backoffMin * 2 ** (this.#attempts - 1));
    const delay = base / 2 + this.#random() * Math.max(base / 2, 100);
    this.#attempts++;
    this.#attemptAt = now + Math.max(delay, atLeast);
  }

  #attempt(now: number): void {
    this.#attemptAt = undefined;
    if (this.#resume === undefined && this.#token === undefined) {
      this.#phase = 'token';
      this.#effects.push({ do: 'token' });
      return;
    }
    this.#open(now);
  }

  #open(now: number): void {
    this.#phase = 'opening';
    this.#deadline = now + this.#times.open;
    this.#effects.push({ do: 'open' });
  }

  #end(reason: string, error: TertuliaError): void {
    this.#phase = 'ended';
    this.#deadline = undefined;
    this.#attemptAt = undefined;
    this.#effects.push({ do: 'drop' });
    for (const { id } of this.#pending.values()) this.#effects.push({ do: 'fail', id, error });
    this.#pending.clear();
    this.#unacknowledged = [];
    this.#effects.push({ do: 'ended', reason, error });
  }
}

function left(): TertuliaError {
  return new TertuliaError('closed', 'The room was left.');
}

function closeError(code: number, reason: string): TertuliaError {
  const codes: Record<number, ErrorCode> = { 4400: 'bad-request', 4401: 'unauthorized', 4429: 'too-fast' };
  return new TertuliaError(codes[code] ?? 'unreachable', reason || 'The server cannot be reached.');
}

function endSentence(reason: string): string {
  switch (reason) {
    case 'kicked':
      return 'A moderator ended your presence in the room.';
    case 'room-deleted':
      return 'The room was deleted.';
    case 'replaced':
      return 'The session goes on elsewhere.';
    default:
      return 'The session is over.';
  }
}

/** What an unknown error says. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
