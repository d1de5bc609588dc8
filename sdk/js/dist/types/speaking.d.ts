/** How loud an audio track is. */
export interface Heard {
    readonly stream: number;
    readonly track: string;
    /** −127…0 dBov */
    readonly level: number;
}
/** Follows who speaks. */
export declare class Speaking {
    #private;
    /** Who speaks now, loudest first; undefined when they are the same as the last time. */
    hear(now: number, levels: readonly Heard[]): Heard[] | undefined;
}
/** The level of a loudness from 0 to 1 (RFC 6464 counts the same, without its sign). */
export declare function dBov(loudness: number): number;
