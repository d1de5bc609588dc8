import { TertuliaError } from './errors.js';
import type { Joined } from './protocol.js';
/** How the session came to have a snapshot. */
export type Entry = 
/** For the first time. */
'joined'
/** The server rebuilt the session: same participant, nothing of its streams and transports. */
 | 'resynced'
/** The session was lost; this is a new participant, with a fresh token. */
 | 'rejoined';
/** What the owner of the machine has to do, in this order. */
export type Effect = 
/** Open a socket; a former one is no longer listened to. */
{
    do: 'open';
} | {
    do: 'send';
    text: string;
}
/** Close the socket and listen to it no longer. */
 | {
    do: 'drop';
}
/** Ask the application for a token, then tell token() or tokenFailed(). */
 | {
    do: 'token';
} | {
    do: 'entered';
    how: Entry;
    snapshot: Joined;
}
/** The session goes on, or is cut. */
 | {
    do: 'state';
    state: 'connected' | 'reconnecting';
} | {
    do: 'event';
    type: string;
    data: unknown;
} | {
    do: 'answer';
    id: number;
    data: unknown;
} | {
    do: 'fail';
    id: number;
    error: TertuliaError;
}
/** Final. */
 | {
    do: 'ended';
    reason: string;
    error: TertuliaError;
};
/** Times of the session, milliseconds. */
export interface SessionTimes {
    /** How long a socket may take to open, and the server to let us in. */
    open: number;
    enter: number;
    /** A received frame is acknowledged after this at the latest. */
    ack: number;
    /** A socket on which a sent frame is not acknowledged for so long is dead. */
    dead: number;
    /** A socket on which nothing was heard for so long is dead: the server speaks every 5 s. */
    silent: number;
    /** The same, when there is reason to doubt the socket. */
    doubt: number;
    /** Bounds of the exponential backoff. */
    backoffMin: number;
    backoffMax: number;
    /** How long to try to come back. */
    reconnectFor: number;
}
export declare const defaultTimes: SessionTimes;
/** The request belonged to a session that was rebuilt; what it asked for is asked anew. */
export declare class Superseded extends TertuliaError {
    constructor();
}
/** A signalling session: told what happened, it says what to do (take) and when to be told the time (timer). */
export declare class Session {
    #private;
    /** The participant's own, for a session that has to be rebuilt. */
    metadata: unknown;
    constructor(opening: {
        protocol: number;
        client?: string;
    }, random?: () => number, times?: Partial<SessionTimes>);
    /** What is to be done since the last call. */
    take(): Effect[];
    get live(): boolean;
    get ended(): boolean;
    /** When advance is next due. */
    timer(): number | undefined;
    /** Begins. */
    start(now: number): void;
    /** The application gave a token. */
    token(now: number, token: string): void;
    /** The application could not give a token. */
    tokenFailed(now: number, error: unknown): void;
    /** The socket is open. */
    opened(now: number): void;
    /** The socket closed, or could not be opened. */
    closed(now: number, code: number, reason: string): void;
    /** A text message came on the socket. */
    message(now: number, text: string): void;
    /** Puts a request on its way, now or once the socket is back; its id is in the answer. */
    request(now: number, type: string, data: unknown, keep: boolean): number;
    /** Ends the session: politely if the socket is open. */
    leave(now: number): void;
    /** The network may have changed, or the page was asleep: the socket is tried, or opened at once. */
    wake(now: number): void;
    /** Time has passed. */
    advance(now: number): void;
}
/** What an unknown error says. */
export declare function sentence(error: unknown): string;
