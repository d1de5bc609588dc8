/** The listeners of a set of events: a function type by event name. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listeners of any arguments
export type Listeners<Events> = { [K in keyof Events]: (...args: any[]) => void };

/** Typed events. A listener that throws stops neither the others nor the caller. */
export class Emitter<Events extends Listeners<Events>> {
  readonly #listeners = new Map<keyof Events, Set<Events[keyof Events]>>();

  /** Calls listener at each event of this name; the result stops that. */
  on<K extends keyof Events>(event: K, listener: Events[K]): () => void {
    let set = this.#listeners.get(event);
    if (!set) {
      set = new Set();
      this.#listeners.set(event, set);
    }
    set.add(listener);
    return () => this.off(event, listener);
  }

  /** Calls listener at the next event of this name only; the result stops that. */
  once<K extends keyof Events>(event: K, listener: Events[K]): () => void {
    const off = this.on(event, ((...args: Parameters<Events[K]>) => {
      off();
      listener(...args);
    }) as Events[K]);
    return off;
  }

  /** Stops calling listener. */
  off<K extends keyof Events>(event: K, listener: Events[K]): void {
    this.#listeners.get(event)?.delete(listener);
  }

  /** @internal */
  emit<K extends keyof Events>(event: K, ...args: Parameters<Events[K]>): void {
    const set = this.#listeners.get(event);
    if (!set) return;
    for (const listener of [...set]) {
      try {
        listener(...args);
      } catch (error) {
        // The application's fault: it is reported as uncaught, and we go on.
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
}
