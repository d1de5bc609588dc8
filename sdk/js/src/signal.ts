// The owner of a Session: WebSocket, timers, page events and promises.

import { TertuliaError } from './errors.js';
import { type Joined, maxFrame, type Requests } from './protocol.js';
import { type Entry, Session, type SessionTimes, sentence } from './session.js';

/** What of WebSocket is used; tests give their own. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose' | 'onerror'>;

export interface SignalConfig {
  url: string;
  /** Gives a token for each entry; first says that it is the first. */
  token: () => string | Promise<string>;
  opening: { protocol: number; client?: string };
  metadata?: unknown;
  openSocket?: (url: string) => Socket;
  times?: Partial<SessionTimes>;
  random?: () => number;
  /** Called in the order of what happened. */
  entered: (how: Entry, snapshot: Joined) => void;
  event: (type: string, data: unknown) => void;
  state: (state: 'connected' | 'reconnecting') => void;
  ended: (reason: string, error: TertuliaError) => void;
}

// Requests that are not issued again in a rebuilt session: the room asks anew for what it wants then.
const superseded = new Set<string>([
  'offer',
  'close',
  'publish',
  'unpublish',
  'subscribe',
  'unsubscribe',
  'mute',
  'attributes',
  'signal',
]);

interface Waiter {
  resolve: (data: unknown) => void;
  reject: (error: TertuliaError) => void;
}

/** A signalling session over WebSockets that come and go. */
export class Signal {
  readonly #config: SignalConfig;
  readonly #session: Session;
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  readonly #waiters = new Map<number, Waiter>();
  readonly #wake = (): void => {
    if (typeof document !== 'undefined' && document.visibilityState === 'hidden') return;
    this.wake();
  };

  constructor(config: SignalConfig) {
    this.#config = config;
    this.#session = new Session(config.opening, config.random, config.times);
    this.#session.metadata = config.metadata;
  }

  /** Begins to enter. */
  start(): void {
    if (typeof window !== 'undefined') {
      window.addEventListener('online', this.#wake);
      document.addEventListener('visibilitychange', this.#wake);
    }
    this.#session.start(Date.now());
    this.#run();
  }

  /** The participant's own metadata, for when the session has to be rebuilt. */
  set metadata(metadata: unknown) {
    this.#session.metadata = metadata;
  }

  get live(): boolean {
    return this.#session.live;
  }

  /** Asks the server; the promise waits through cuts. */
  request<T extends keyof Requests>(type: T, data: Requests[T][0]): Promise<Requests[T][1]> {
    const size = byteLength(JSON.stringify(data));
    if (size > maxFrame - 128) {
      const message = `That is ${size} bytes; a request can have ${maxFrame - 128}.`;
      return Promise.reject(new TertuliaError('bad-request', message));
    }
    const id = this.#session.request(Date.now(), type, data, !superseded.has(type));
    const answer = new Promise<unknown>((resolve, reject) => this.#waiters.set(id, { resolve, reject }));
    this.#run();
    return answer as Promise<Requests[T][1]>;
  }

  /** The network may have changed. */
  wake(): void {
    this.#session.wake(Date.now());
    this.#run();
  }

  /** Ends the session; `ended` is told when it is over. */
  leave(): void {
    this.#session.leave(Date.now());
    this.#run();
  }

  /** Ends the session when the page goes away: what can be said is said at once. */
  leaveNow(): void {
    this.leave();
    const socket = this.#socket;
    this.#drop();
    socket?.close();
    this.#session.closed(Date.now(), 1000, '');
    this.#run();
  }

  // Does what the machine asks for, until there is nothing more. What is done may tell the machine more.
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let effects = this.#session.take(); effects.length > 0; effects = this.#session.take()) {
        for (const effect of effects) {
          switch (effect.do) {
            case 'open':
              this.#open();
              break;
            case 'send':
              this.#socket?.send(effect.text);
              break;
            case 'drop':
              this.#drop();
              break;
            case 'token':
              this.#askToken();
              break;
            case 'entered':
              this.#config.entered(effect.how, effect.snapshot);
              break;
            case 'state':
              this.#config.state(effect.state);
              break;
            case 'event':
              this.#config.event(effect.type, effect.data);
              break;
            case 'answer':
              this.#settle(effect.id, (waiter) => waiter.resolve(effect.data));
              break;
            case 'fail':
              this.#settle(effect.id, (waiter) => waiter.reject(effect.error));
              break;
            case 'ended':
              this.#stop();
              this.#config.ended(effect.reason, effect.error);
              break;
          }
        }
      }
    } finally {
      this.#running = false;
    }
    clearTimeout(this.#timer);
    const at = this.#session.ended ? undefined : this.#session.timer();
    if (at === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#session.advance(Date.now());
        this.#run();
      },
      Math.max(0, at - Date.now()),
    );
  }

  #settle(id: number, settle: (waiter: Waiter) => void): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if (waiter) settle(waiter);
  }

  #open(): void {
    this.#drop();
    let socket: Socket;
    try {
      socket = this.#config.openSocket?.(this.#config.url) ?? new WebSocket(this.#config.url);
    } catch (error) {
      queueMicrotask(() => {
        this.#session.closed(Date.now(), 1006, sentence(error));
        this.#run();
      });
      return;
    }
    this.#socket = socket;
    const tell = (what: () => void): void => {
      if (this.#socket !== socket) return;
      what();
      this.#run();
    };
    socket.onopen = () => tell(() => this.#session.opened(Date.now()));
    socket.onmessage = (event: MessageEvent) =>
      tell(() => this.#session.message(Date.now(), String(event.data)));
    socket.onclose = (event: CloseEvent) =>
      tell(() => {
        this.#socket = undefined;
        this.#session.closed(Date.now(), event.code, event.reason);
      });
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  async #askToken(): Promise<void> {
    try {
      const token = await this.#config.token();
      this.#session.token(Date.now(), token);
    } catch (error) {
      this.#session.tokenFailed(Date.now(), error);
    }
    this.#run();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    if (typeof window !== 'undefined') {
      window.removeEventListener('online', this.#wake);
      document.removeEventListener('visibilitychange', this.#wake);
    }
  }
}

/** Bytes of a string in UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
