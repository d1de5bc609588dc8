// The repair of a connection whose ICE fails: restarts, and when those do not help, another connection.

/** Times, milliseconds. */
const beginWithin = 6_000; // before a connection is given up whose ICE has not even begun; twice as long for each next one
const maxDoublings = 3;
const disconnectedFor = 2_000; // before ICE is restarted
const restartWithin = 8_000; // before an ICE restart is given up
const maxRestarts = 2; // before the connection is made anew

/** Whether ICE has a way through. */
export function isConnected(state: RTCIceConnectionState): boolean {
  return state === 'connected' || state === 'completed';
}

/** What a repair needs of its connection. */
export interface RepairHost {
  readonly state: () => RTCIceConnectionState;
  /** Whether the signalling is there: without it, restarting ICE makes no sense. */
  readonly live: () => boolean;
  /** Restarts ICE. */
  readonly restart: () => void;
  /** The connection is beyond repair. */
  readonly giveUp: () => void;
  /** How much longer to wait before the first restart, where the other side may do it as well; milliseconds. */
  readonly patience?: number;
}

/** Repairs one connection after the other. */
export class Repair {
  readonly #host: RepairHost;
  readonly #patience: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expected: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  #notBegun = 0; // connections given up since one worked: what is said may just take long
  #wanted = false; // as soon as the signalling is there
  #closed = false;

  constructor(host: RepairHost) {
    this.#host = host;
    this.#patience = host.patience ?? 0;
  }

  /** Both sides are told to connect: ICE should begin. Where it does not, no restart of it makes it. */
  expect(): void {
    if (this.#closed) return;
    this.#expected ??= setTimeout(
      () => {
        this.#expected = undefined;
        if (this.#host.state() !== 'new') return; // ICE says itself what becomes of it
        if (!this.#host.live()) return this.expect();
        this.#notBegun++;
        this.#host.giveUp();
      },
      (beginWithin + this.#patience) * 2 ** Math.min(this.#notBegun, maxDoublings),
    );
  }

  /** ICE's state changed. */
  watch(): void {
    if (this.#closed) return;
    const state = this.#host.state();
    if (isConnected(state)) {
      this.#notBegun = 0;
      this.reset();
    } else if (state === 'disconnected') this.#later(disconnectedFor + this.#patience);
    else if (state === 'failed' && this.#patience > 0) this.#later(this.#patience);
    else if (state === 'failed') this.now();
  }

  /** Restarts ICE, also where this side believes to be connected. */
  now(): void {
    if (this.#closed) return;
    this.#stop();
    this.#wanted = !this.#host.live();
    if (this.#wanted) return;
    if (this.#restarts >= maxRestarts) {
      this.#host.giveUp();
      return;
    }
    this.#restarts++;
    this.#host.restart();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (isConnected(this.#host.state())) this.#restarts = 0;
      else this.now();
    }, restartWithin);
  }

  /** The signalling is back after a cut. */
  signallingBack(): void {
    const state = this.#host.state();
    if (this.#wanted || state === 'disconnected' || state === 'failed') this.now();
  }

  /** All is well, or there is another connection. */
  reset(): void {
    this.#stop();
    clearTimeout(this.#expected);
    this.#expected = undefined;
    this.#restarts = 0;
    this.#wanted = false;
  }

  /** Nothing is to be repaired any more. */
  close(): void {
    this.#closed = true;
    this.reset();
  }

  #later(wait: number): void {
    this.#timer ??= setTimeout(() => this.now(), wait);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
