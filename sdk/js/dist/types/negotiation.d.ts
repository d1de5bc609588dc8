/** What one side says of its description. */
export interface Described {
    readonly type: 'offer' | 'answer';
    readonly sdp: string;
    /** Number of the offer; an answer has the number of the one that it answers. */
    readonly offer: number;
}
/** What is to be done next with the connection. */
export type Step<Candidate, Extra> = 
/** Ask the other for the connection's first offer. */
{
    do: 'ask';
}
/** Make an offer, set it, and send it under this number. */
 | {
    do: 'offer';
    offer: number;
}
/** Set the other's offer (an own one that is open is taken back by that), answer it, and send the answer. */
 | {
    do: 'accept';
    offer: number;
    sdp: string;
    extra: Extra;
}
/** Set the other's answer. */
 | {
    do: 'complete';
    sdp: string;
    extra: Extra;
}
/** Send the own offer that is open again, under its number. */
 | {
    do: 'repeat';
    offer: number;
} | {
    do: 'candidates';
    candidates: readonly Candidate[];
};
/**
 * One side of a negotiation. Extra is what comes with a description and is given back with its step.
 * After each call, ask next() until it has nothing; tell done() when a step is carried out.
 */
export declare class Negotiation<Candidate, Extra> {
    #private;
    /**
     * impolite: of two offers that meet, this side's counts, and it makes the first. One of the two is, and one is not.
     * Were the first two to meet, the one that is taken back would take its transport with it, and Chromium (156) may
     * then gather no candidate ever again on that connection.
     */
    constructor(impolite: boolean);
    /** Something of this side has changed that the other must agree to. */
    need(): void;
    /** Something needs the connection, and nothing more than that. */
    begin(): void;
    /** The other asks for the first offer. */
    asked(): void;
    /**
     * The other has begun anew, and knows of this connection. Whether that can go on: nothing was taken of what the other's
     * former connection described. What was heard of it is forgotten then.
     */
    anew(): boolean;
    /**
     * What the other said last may be lost, and what was said to it: an open offer is said again. It is not taken back: the
     * other may have accepted it, and the next one would have its sections under other names, which no browser takes.
     */
    lost(): void;
    describe(described: Described, extra: Extra): void;
    candidates(candidates: readonly Candidate[]): void;
    /** The next step; undefined while one is being carried out, or when there is none. */
    next(): Step<Candidate, Extra> | undefined;
    /** The step was carried out. */
    done(): void;
}
/** Whether a participant is the impolite one towards another: the lower id is. */
export declare function isImpolite(own: string, other: string): boolean;
