// What is wanted of a received track: by the application's word, or by what is seen of it.

/** What the application wants of a track that it receives; see {@link RemoteStream.prefer}. */
export interface Preference {
  /** The most that is of use, in pixels of the screen; 0: no limit. */
  width?: number;
  height?: number;
  /** Frames per second; 0: no limit. */
  frameRate?: number;
  /** Bit/s; 0: no limit. */
  maxBitrate?: number;
  /** Weight beside the other tracks, 1…100, where not all of them fit the network; 10 is usual. */
  priority?: number;
  /** Nothing of the track is sent until this is taken back. */
  paused?: boolean;
}

/** What can be seen of a track now: of all elements that show it, the most. */
export interface View {
  /** Pixels of the screen; 0: not known. */
  readonly width: number;
  readonly height: number;
  readonly visible: boolean;
  readonly priority: number | undefined;
}

/** Times, milliseconds. A better picture is worth asking for soon; a smaller one only when it stays so. */
const growAfter = 100;
const shrinkAfter = 2_000;
const pauseAfter = 1_000;

/** Sizes are told in steps, so that a tile in motion does not tell each pixel. */
const sizeStep = 16;

type Change = 'none' | 'at-once' | 'grow' | 'shrink' | 'pause';

const delays: Record<Exclude<Change, 'none'>, number> = {
  'at-once': 0,
  grow: growAfter,
  shrink: shrinkAfter,
  pause: pauseAfter,
};

/**
 * Decides when what is seen of a track is worth telling. A machine that is told the time: after each see(), ask timer(), and
 * at that time take().
 */
export class Viewer {
  #view: View | undefined;
  #told: Preference | undefined;
  #change: Change = 'none';
  #due: number | undefined;

  /** The elements show something else now; undefined: there are none, so it is as good as hidden. */
  see(now: number, view: View | undefined): void {
    this.#view = view;
    const change = this.#compare();
    if (change === this.#change) return; // what waits already goes on waiting
    this.#change = change;
    this.#due = change === 'none' ? undefined : now + delays[change];
  }

  /** When take() has something to tell; undefined: never. */
  timer(): number | undefined {
    return this.#due;
  }

  /** What is to be told now, if anything. */
  take(now: number): Preference | undefined {
    if (this.#due === undefined || now < this.#due) return undefined;
    this.#due = undefined;
    this.#change = 'none';
    this.#told = this.#target();
    return this.#told;
  }

  #target(): Preference {
    const view = this.#view;
    if (!view?.visible) return { ...this.#told, paused: true };
    const { width, height, priority } = view;
    return { width: steps(width), height: steps(height), priority, paused: false };
  }

  #compare(): Change {
    const told = this.#told;
    const target = this.#target();
    if (target.paused) return told?.paused ? 'none' : 'pause';
    if (!told || told.paused || told.priority !== target.priority) return 'at-once';
    if (larger(target.width, told.width) || larger(target.height, told.height)) return 'grow';
    return target.width === told.width && target.height === told.height ? 'none' : 'shrink';
  }
}

function steps(size: number): number {
  return Math.ceil(size / sizeStep) * sizeStep;
}

// 0 is no limit, and so the largest.
function larger(a: number | undefined, b: number | undefined): boolean {
  return (a || Infinity) > (b || Infinity);
}

/** What the application says counts, field by field, before what is seen. */
export function merge(
  seen: Preference | undefined,
  said: Preference | undefined,
): Required<Preference> | undefined {
  if (!seen && !said) return undefined;
  const {
    width = 0,
    height = 0,
    frameRate = 0,
    maxBitrate = 0,
    priority = 10,
    paused = false,
  } = {
    ...defined(seen),
    ...defined(said),
  };
  return { width, height, frameRate, maxBitrate, priority, paused };
}

function defined(preference: Preference = {}): Preference {
  return Object.fromEntries(Object.entries(preference).filter(([, value]) => value !== undefined));
}
