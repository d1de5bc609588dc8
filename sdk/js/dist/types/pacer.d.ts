/** A bucket of requests, that is told the time. */
export declare class Pacer {
    #private;
    constructor(perSecond: number, atOnce: number);
    /** Takes so many requests; how long to wait before they are made, milliseconds. */
    take(now: number, requests?: number): number;
}
