// A video element that shows a remote stream, and what can be seen of it.

import type { View } from './preference.js';

/** A video element that a stream is attached to; {@link RemoteStream.attach} makes it. */
export interface Attachment {
  readonly element: HTMLVideoElement;
  /** Weight beside the other tracks, 1…100, where not all of them fit the network. */
  setPriority(priority: number): void;
  /** The element shows the stream no more. */
  detach(): void;
}

/** Watches an element: its size, and whether it can be seen. */
export class Watch {
  readonly #element: HTMLVideoElement;
  readonly #changed: () => void;
  readonly #sizes: ResizeObserver | undefined;
  readonly #crossings: IntersectionObserver | undefined;
  readonly #stops: (() => void)[] = [];
  #intersects = false;
  #known: boolean; // whether the element can be seen
  #pictureInPicture: PictureInPictureWindow | undefined;
  priority: number | undefined;

  constructor(element: HTMLVideoElement, priority: number | undefined, changed: () => void) {
    this.#element = element;
    this.#changed = changed;
    this.priority = priority;
    if (typeof ResizeObserver !== 'undefined') {
      this.#sizes = new ResizeObserver(changed);
      this.#sizes.observe(element);
    }
    this.#known = typeof IntersectionObserver === 'undefined';
    this.#intersects = this.#known;
    if (!this.#known) {
      this.#crossings = new IntersectionObserver((entries) => {
        this.#known = true;
        this.#intersects = entries.at(-1)?.isIntersecting ?? false;
        changed();
      });
      this.#crossings.observe(element);
    }
    const page = element.ownerDocument;
    this.#listen(page, 'visibilitychange', changed);
    // Zoom, or another screen: an element of the same size has other pixels.
    if (page.defaultView) this.#listen(page.defaultView, 'resize', changed);
    this.#listen(element, 'resize', changed); // the picture has another shape
    this.#listen(element, 'enterpictureinpicture', (event) => {
      this.#pictureInPicture = (event as PictureInPictureEvent).pictureInPictureWindow;
      this.#pictureInPicture?.addEventListener('resize', changed);
      changed();
    });
    this.#listen(element, 'leavepictureinpicture', () => {
      this.#pictureInPicture = undefined;
      changed();
    });
  }

  /** Undefined until it is known whether the element can be seen. */
  view(): View | undefined {
    const element = this.#element;
    const scale = element.ownerDocument.defaultView?.devicePixelRatio ?? 1;
    const { priority } = this;
    const small = this.#pictureInPicture;
    if (small) return { width: small.width * scale, height: small.height * scale, visible: true, priority };
    const hidden = element.ownerDocument.visibilityState === 'hidden';
    if (!this.#known && !hidden) return undefined;
    const { clientWidth, clientHeight } = element;
    const visible =
      this.#intersects &&
      element.isConnected &&
      !hidden &&
      (this.#sizes === undefined || (clientWidth > 0 && clientHeight > 0));
    const shown = pictureSize(
      { width: clientWidth, height: clientHeight },
      { width: element.videoWidth, height: element.videoHeight },
      element.ownerDocument.defaultView?.getComputedStyle?.(element).objectFit,
    );
    return { width: shown.width * scale, height: shown.height * scale, visible, priority };
  }

  stop(): void {
    this.#sizes?.disconnect();
    this.#crossings?.disconnect();
    for (const stop of this.#stops) stop();
    this.#pictureInPicture?.removeEventListener('resize', this.#changed);
  }

  #listen(target: EventTarget, type: string, listener: (event: Event) => void): void {
    target.addEventListener(type, listener);
    this.#stops.push(() => target.removeEventListener(type, listener));
  }
}

interface Size {
  width: number;
  height: number;
}

/**
 * How large a picture is in a box that it fills as CSS says. One that covers a box of another shape is larger than the
 * box, one that is contained in it is smaller. Until the picture's shape is known it is as large as the box.
 */
export function pictureSize(box: Size, picture: Size, fit: string | undefined): Size {
  if (!(box.width > 0 && box.height > 0 && picture.width > 0 && picture.height > 0)) return box;
  const scales = [box.width / picture.width, box.height / picture.height];
  if (fit === 'fill' || fit === 'none') return box;
  const scale = fit === 'cover' ? Math.max(...scales) : Math.min(...scales);
  return { width: picture.width * scale, height: picture.height * scale };
}

/** What can be seen in all elements together; undefined while nothing is known of any. */
export function together(views: readonly (View | undefined)[]): View | undefined {
  const known = views.filter((view) => view !== undefined);
  if (known.length === 0) return undefined;
  const seen = known.filter(({ visible }) => visible);
  const most = (of: (view: View) => number | undefined): number | undefined => {
    const numbers = (seen.length > 0 ? seen : known).map(of).filter((n) => n !== undefined);
    return numbers.length > 0 ? Math.max(...numbers) : undefined;
  };
  return {
    width: most(({ width }) => width) ?? 0,
    height: most(({ height }) => height) ?? 0,
    visible: seen.length > 0,
    priority: most(({ priority }) => priority),
  };
}
