// Requests that the SDK makes by itself come slowly enough for the server, also in a room of hundreds of streams.

/** A bucket of requests, that is told the time. */
export class Pacer {
  readonly #interval: number; // milliseconds per request
  readonly #ahead: number; // how much of that may be spent at once
  #next = -Infinity;

  constructor(perSecond: number, atOnce: number) {
    this.#interval = 1_000 / perSecond;
    this.#ahead = atOnce * this.#interval;
  }

  /** Takes so many requests; how long to wait before they are made, milliseconds. */
  take(now: number, requests = 1): number {
    this.#next = Math.max(this.#next, now - this.#ahead) + requests * this.#interval;
    return Math.max(0, this.#next - now);
  }
}
