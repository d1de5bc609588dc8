// Who speaks, where no server says it: a machine that is told levels and the time.

/** How loud an audio track is. */
export interface Heard {
  readonly stream: number;
  readonly track: string;
  /** −127…0 dBov */
  readonly level: number;
}

/** Louder than this is somebody who speaks, dBov. */
const audible = -50;

/** Between words nobody falls silent; milliseconds. */
const lingers = 800;

/** Follows who speaks. */
export class Speaking {
  readonly #heard = new Map<string, { at: number; heard: Heard }>();
  #told = '';

  /** Who speaks now, loudest first; undefined when they are the same as the last time. */
  hear(now: number, levels: readonly Heard[]): Heard[] | undefined {
    const there = new Set<string>();
    for (const heard of levels) {
      const key = `${heard.stream} ${heard.track}`;
      there.add(key);
      if (heard.level > audible) this.#heard.set(key, { at: now, heard });
    }
    for (const [key, { at }] of this.#heard) {
      if (!there.has(key) || now - at >= lingers) this.#heard.delete(key);
    }
    const speakers = [...this.#heard.values()].map(({ heard }) => heard).sort((a, b) => b.level - a.level);
    const told = speakers.map(({ stream, track }) => `${stream} ${track}`).join();
    if (told === this.#told) return undefined;
    this.#told = told;
    return speakers;
  }
}

/** The level of a loudness from 0 to 1 (RFC 6464 counts the same, without its sign). */
export function dBov(loudness: number): number {
  return loudness > 0 ? Math.max(-127, Math.min(0, Math.round(20 * Math.log10(loudness)))) : -127;
}
