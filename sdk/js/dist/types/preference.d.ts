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
/**
 * Decides when what is seen of a track is worth telling. A machine that is told the time: after each see(), ask timer(), and
 * at that time take().
 */
export declare class Viewer {
    #private;
    /** The elements show something else now; undefined: there are none, so it is as good as hidden. */
    see(now: number, view: View | undefined): void;
    /** When take() has something to tell; undefined: never. */
    timer(): number | undefined;
    /** What is to be told now, if anything. */
    take(now: number): Preference | undefined;
}
/** What the application says counts, field by field, before what is seen. */
export declare function merge(seen: Preference | undefined, said: Preference | undefined): Required<Preference> | undefined;
