import { TertuliaError } from './errors.js';
import { type Joined, type Requests } from './protocol.js';
import { type Entry, type SessionTimes } from './session.js';
/** What of WebSocket is used; tests give their own. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose' | 'onerror'>;
export interface SignalConfig {
    url: string;
    /** Gives a token for each entry; first says that it is the first. */
    token: () => string | Promise<string>;
    opening: {
        protocol: number;
        client?: string;
    };
    metadata?: unknown;
    openSocket?: (url: string) => Socket;
    times?: Partial<SessionTimes>;
    random?: () => number;
    /** Called in the order of what happened. */
    entered: (how: Entry, snapshot: Joined) => void;
    event: (type: string, data: unknown) => void;
    state: (state: 'connected' | 'reconnecting') => void;
    ended: (reason: string, error: TertuliaError) => void;
}
/** A signalling session over WebSockets that come and go. */
export declare class Signal {
    #private;
    constructor(config: SignalConfig);
    /** Begins to enter. */
    start(): void;
    /** The participant's own metadata, for when the session has to be rebuilt. */
    set metadata(metadata: unknown);
    get live(): boolean;
    /** Asks the server; the promise waits through cuts. */
    request<T extends keyof Requests>(type: T, data: Requests[T][0]): Promise<Requests[T][1]>;
    /** The network may have changed. */
    wake(): void;
    /** Ends the session; `ended` is told when it is over. */
    leave(): void;
    /** Ends the session when the page goes away: what can be said is said at once. */
    leaveNow(): void;
}
/** Bytes of a string in UTF-8. */
export declare function byteLength(text: string): number;
