import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pictureSize, together } from '../src/attachment.js';
import { merge, type Preference, type View, Viewer } from '../src/preference.js';
import { RemoteStream } from '../src/remote-stream.js';

const view = (width: number, height: number, visible = true, priority?: number): View => ({
  width,
  height,
  visible,
  priority,
});

/** Plays views at times, and lists what is told when. */
function play(views: [at: number, view: View | undefined][], until = 20_000): string[] {
  const viewer = new Viewer();
  const told: string[] = [];
  const pending = [...views];
  for (;;) {
    const due = viewer.timer() ?? Number.POSITIVE_INFINITY;
    const next = pending[0]?.[0] ?? Number.POSITIVE_INFINITY;
    const now = Math.min(due, next);
    if (now > until) return told;
    if (next <= due) viewer.see(now, pending.shift()?.[1]);
    else {
      const wish = viewer.take(now);
      if (wish)
        told.push(
          `${now} ${wish.paused ? 'paused' : `${wish.width}×${wish.height}`} ${wish.priority ?? ''}`.trim(),
        );
    }
  }
}

describe('Viewer', () => {
  it('tells the first size at once, in steps', () => {
    expect(play([[0, view(633, 357)]])).toEqual(['0 640×368']);
  });

  it('asks for more soon and for less late', () => {
    expect(play([[0, view(320, 176)], [1_000, view(1280, 720)], [3_000, view(160, 96)]])).toEqual([
      '0 320×176',
      '1100 1280×720',
      '5000 160×96',
    ]); // prettier-ignore
  });

  it('tells a tile in motion seldom, and where it ended', () => {
    const motion = Array.from({ length: 30 }, (_, i): [number, View] => [
      1_000 + i * 16,
      view(320 + i * 20, 176 + i * 10),
    ]);
    const told = play([[0, view(320, 176)], ...motion]);
    expect(told.length).toBeLessThanOrEqual(7);
    expect(told.at(-1)).toMatch(/ 912×480$/);
  });

  it('tells nothing of a size that came back', () => {
    expect(
      play([
        [0, view(640, 368)],
        [1_000, view(320, 176)],
        [2_000, view(640, 368)],
      ]),
    ).toEqual(['0 640×368']);
  });

  it('pauses after a second, and goes on at once', () => {
    expect(
      play([
        [0, view(640, 368)],
        [1_000, view(640, 368, false)],
        [5_000, view(640, 368)],
      ]),
    ).toEqual(['0 640×368', '2000 paused', '5000 640×368']);
    expect(
      play([
        [0, view(640, 368)],
        [1_000, view(640, 368, false)],
        [1_900, view(640, 368)],
      ]),
    ).toEqual(['0 640×368']);
    // Without an element it is as good as hidden.
    expect(
      play([
        [0, view(640, 368)],
        [1_000, undefined],
      ]),
    ).toEqual(['0 640×368', '2000 paused']);
    expect(play([[0, view(0, 0, false)]])).toEqual(['1000 paused']);
  });

  it('tells a priority at once', () => {
    expect(
      play([
        [0, view(640, 368, true, 10)],
        [1_000, view(640, 368, true, 60)],
      ]),
    ).toEqual(['0 640×368 10', '1000 640×368 60']);
  });

  it('takes an unknown size for the largest', () => {
    expect(
      play([
        [0, view(640, 368)],
        [1_000, view(0, 0)],
      ]),
    ).toEqual(['0 640×368', '1100 0×0']);
  });
});

describe('merge', () => {
  it('lets the application have the last word, field by field', () => {
    const seen = { width: 640, height: 360, priority: undefined, paused: true };
    expect(merge(undefined, undefined)).toBeUndefined();
    expect(merge(seen, undefined)).toEqual({
      width: 640,
      height: 360,
      frameRate: 0,
      maxBitrate: 0,
      priority: 10,
      paused: true,
    });
    expect(merge(seen, { paused: false, priority: 80, width: undefined })).toEqual({
      width: 640,
      height: 360,
      frameRate: 0,
      maxBitrate: 0,
      priority: 80,
      paused: false,
    });
  });
});

describe('pictureSize', () => {
  const wide = { width: 1280, height: 720 };
  it.each([
    ['contain', { width: 640, height: 640 }, { width: 640, height: 360 }],
    [undefined, { width: 640, height: 640 }, { width: 640, height: 360 }],
    ['cover', { width: 360, height: 360 }, { width: 640, height: 360 }],
    ['fill', { width: 300, height: 300 }, { width: 300, height: 300 }],
    ['cover', { width: 0, height: 0 }, { width: 0, height: 0 }],
  ])('%s %o', (fit, box, size) => expect(pictureSize(box, wide, fit)).toEqual(size));
  it('is the box while the picture is not known', () => {
    expect(pictureSize({ width: 320, height: 240 }, { width: 0, height: 0 }, 'cover')).toEqual({
      width: 320,
      height: 240,
    });
  });
});

it('adds elements up to the most that is seen', () => {
  expect(together([])).toBeUndefined();
  expect(together([undefined, undefined])).toBeUndefined();
  expect(together([view(100, 50), undefined, view(50, 100, true, 7), view(900, 900, false, 90)])).toEqual(
    view(100, 100, true, 7),
  );
  expect(together([view(900, 900, false)])?.visible).toBe(false);
});

// A page in a few lines: elements with sizes, that can be seen or not.
class FakeElement extends EventTarget {
  clientWidth = 320;
  clientHeight = 180;
  videoWidth = 0;
  videoHeight = 0;
  isConnected = true;
  srcObject: unknown = null;
  ownerDocument = page;
}
class FakePage extends EventTarget {
  visibilityState = 'visible';
  defaultView = Object.assign(new EventTarget(), {
    devicePixelRatio: 2,
    getComputedStyle: () => ({ objectFit: 'cover' }),
  });
}
let page: FakePage;
const crossings = new Map<unknown, (entries: { isIntersecting: boolean }[]) => void>();
const sizes = new Map<unknown, () => void>();

describe('RemoteStream', () => {
  const told: [string, Partial<Required<Preference>>][] = [];
  let stream: RemoteStream;
  let refuse: Error | undefined;

  const show = (element: FakeElement, isIntersecting = true): void =>
    crossings.get(element)?.([{ isIntersecting }]);
  const video = (): FakeElement & HTMLVideoElement => new FakeElement() as FakeElement & HTMLVideoElement;
  const last = (): string => {
    const [track, wish] = told.at(-1) ?? ['nothing', {}];
    return `${track} ${wish.paused ? 'paused' : `${wish.width}×${wish.height}`} ${wish.priority}`;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    page = new FakePage();
    crossings.clear();
    sizes.clear();
    told.length = 0;
    refuse = undefined;
    vi.stubGlobal('MediaStream', class {});
    vi.stubGlobal('IntersectionObserver', class {
      #callback: never;
      constructor(callback: never) { this.#callback = callback; }
      observe(element: unknown) { crossings.set(element, this.#callback); }
      disconnect() { for (const [key, value] of crossings) if (value === this.#callback) crossings.delete(key); }
    }); // prettier-ignore
    vi.stubGlobal('ResizeObserver', class {
      #callback: () => void;
      constructor(callback: () => void) { this.#callback = callback; }
      observe(element: unknown) { sizes.set(element, this.#callback); }
      disconnect() { for (const [key, value] of sizes) if (value === this.#callback) sizes.delete(key); }
    }); // prettier-ignore
    stream = new RemoteStream(
      { id: 1, participant: 'ana', tracks: [{ id: 'a1', kind: 'audio', source: 'microphone' }, { id: 'v1', kind: 'video', source: 'camera' }] },
      {
        participant: () => { throw new Error('not asked'); },
        unlayered: () => undefined,
        prefer: (_, track, wish) => {
          told.push([track, wish]);
          return refuse ? Promise.reject(refuse) : Promise.resolve();
        },
      },
    ); // prettier-ignore
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('tells nothing of a stream that is not attached', () => {
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
    expect(stream.preference('v1')).toBeUndefined();
  });

  it('tells what is seen in pixels of the screen, of video only', () => {
    const element = video();
    const { detach } = stream.attach(element);
    expect(element.srcObject).toBe(stream.mediaStream);
    vi.advanceTimersByTime(5_000);
    expect(told).toEqual([]); // nobody knows yet whether it can be seen
    show(element);
    vi.advanceTimersByTime(0);
    expect(told).toEqual([
      ['v1', { width: 640, height: 368, frameRate: 0, maxBitrate: 0, priority: 10, paused: false }],
    ]);

    // The picture turns out to be upright: to cover the element it is higher than that.
    element.videoWidth = 360;
    element.videoHeight = 640;
    element.dispatchEvent(new Event('resize'));
    vi.advanceTimersByTime(100);
    expect(last()).toBe('v1 640×1152 10'); // 320/360·640·2 = 1137.8

    element.clientWidth = 640;
    sizes.get(element)?.();
    vi.advanceTimersByTime(100);
    expect(last()).toBe('v1 1280×2288 10');

    detach();
    expect(element.srcObject).toBeNull();
    expect(crossings.size + sizes.size).toBe(0);
    vi.advanceTimersByTime(999);
    expect(last()).toBe('v1 1280×2288 10');
    vi.advanceTimersByTime(1);
    expect(last()).toBe('v1 paused 10');
  });

  it.each<[string, (element: FakeElement) => void, (element: FakeElement) => void]>([
    ['scrolled away', (element) => show(element, false), (element) => show(element)],
    ['in a hidden tab', () => { page.visibilityState = 'hidden'; page.dispatchEvent(new Event('visibilitychange')); },
      () => { page.visibilityState = 'visible'; page.dispatchEvent(new Event('visibilitychange')); }],
    ['without a size', (element) => { element.clientHeight = 0; sizes.get(element)?.(); }, (element) => { element.clientHeight = 180; sizes.get(element)?.(); }],
    ['off the page', (element) => { element.isConnected = false; sizes.get(element)?.(); }, (element) => { element.isConnected = true; sizes.get(element)?.(); }],
  ])('pauses what is %s, and goes on at once', (_, hide, back) => {
    const element = video();
    stream.attach(element);
    show(element);
    vi.advanceTimersByTime(0);
    hide(element);
    vi.advanceTimersByTime(999);
    expect(told).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(last()).toBe('v1 paused 10');
    back(element);
    vi.advanceTimersByTime(0);
    expect(last()).toBe('v1 640×368 10');
    expect(told).toHaveLength(3);
  }); // prettier-ignore

  it('goes on in a picture in the picture', () => {
    const element = video();
    stream.attach(element);
    show(element);
    vi.advanceTimersByTime(0);
    const small = Object.assign(new EventTarget(), { width: 160, height: 96 });
    element.dispatchEvent(
      Object.assign(new Event('enterpictureinpicture'), { pictureInPictureWindow: small }),
    );
    page.visibilityState = 'hidden';
    page.dispatchEvent(new Event('visibilitychange'));
    vi.advanceTimersByTime(5_000);
    expect(last()).toBe('v1 320×192 10');
    element.dispatchEvent(new Event('leavepictureinpicture'));
    vi.advanceTimersByTime(1_000);
    expect(last()).toBe('v1 paused 10');
  });

  it('counts the largest of several elements', () => {
    const [large, small] = [video(), video()];
    stream.attach(large);
    const attachment = stream.attach(small, { priority: 5 });
    small.clientWidth = 160;
    small.clientHeight = 90;
    show(large);
    show(small);
    vi.advanceTimersByTime(2_000);
    expect(last()).toBe('v1 640×368 5');
    show(large, false);
    vi.advanceTimersByTime(2_000);
    expect(last()).toBe('v1 320×192 5');
    attachment.setPriority(60);
    vi.advanceTimersByTime(0);
    expect(last()).toBe('v1 320×192 60');
  });

  it('takes the application at its word', async () => {
    const element = video();
    stream.attach(element);
    show(element);
    vi.advanceTimersByTime(0);
    await stream.prefer('video', { priority: 90, frameRate: 15 });
    expect(told.at(-1)).toEqual([
      'v1',
      { width: 640, height: 368, frameRate: 15, maxBitrate: 0, priority: 90, paused: false },
    ]);
    show(element, false);
    vi.advanceTimersByTime(1_000);
    expect(last()).toBe('v1 paused 90');
    await stream.prefer('v1', { paused: false });
    expect(last()).toBe('v1 640×368 10'); // the one before is replaced as a whole
    await stream.prefer('audio', { paused: true });
    expect(told.at(-1)?.[0]).toBe('a1');
    await stream.prefer('audio', undefined);
    expect(told.at(-1)).toEqual([
      'a1',
      { width: 0, height: 0, frameRate: 0, maxBitrate: 0, priority: 10, paused: false },
    ]);
    expect(stream.preference('a1')).toBeUndefined();
    refuse = new Error('No.');
    await expect(stream.prefer('video', { priority: 1_000 })).rejects.toThrow('No.');
  });

  it('is paused from the start where video is on demand', () => {
    stream.onDemand();
    expect(stream.preference('v1')?.paused).toBe(true);
    expect(stream.preference('a1')).toBeUndefined();
    const element = video();
    stream.attach(element);
    show(element);
    vi.advanceTimersByTime(0);
    expect(last()).toBe('v1 640×368 10');
  });

  it('stops watching when it is over', () => {
    const element = video();
    stream.attach(element);
    show(element);
    stream.end();
    expect(crossings.size + sizes.size).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  });
});
