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
export declare class Watch {
    #private;
    priority: number | undefined;
    constructor(element: HTMLVideoElement, priority: number | undefined, changed: () => void);
    /** Undefined until it is known whether the element can be seen. */
    view(): View | undefined;
    stop(): void;
}
interface Size {
    width: number;
    height: number;
}
/**
 * How large a picture is in a box that it fills as CSS says. One that covers a box of another shape is larger than the
 * box, one that is contained in it is smaller. Until the picture's shape is known it is as large as the box.
 */
export declare function pictureSize(box: Size, picture: Size, fit: string | undefined): Size;
/** What can be seen in all elements together; undefined while nothing is known of any. */
export declare function together(views: readonly (View | undefined)[]): View | undefined;
export {};
