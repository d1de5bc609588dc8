import { Emitter } from './emitter.js';
/** How messages of a channel are delivered: reliable and in order when empty. */
export interface ChannelOptions {
    /** Whether messages arrive in their order (default true). */
    ordered?: boolean;
    /** A lossy channel: how often a message is sent again. */
    maxRetransmits?: number;
    /** A lossy channel: how long a message is sent again, milliseconds; not together with maxRetransmits. */
    maxPacketLifeTime?: number;
}
/** Events of a {@link Channel}. */
export interface ChannelEvents {
    /** The channel can carry messages; told again after the session was rebuilt, or when it was opened anew on a new connection. */
    open: () => void;
    message: (data: string | ArrayBuffer) => void;
    /** It is over: closed by either side, its stream ended, or it was too slow a receiver. */
    close: () => void;
}
/**
 * A data channel of a stream: what its publisher sends reaches the stream's subscribers.
 * When the connection had to be made anew, the publisher's channel is opened again by itself, and
 * what was under way may be lost; receivers see the former one close and a new one come.
 */
export declare class Channel extends Emitter<ChannelEvents> {
    #private;
    readonly label: string;
    readonly options: Readonly<ChannelOptions>;
    get state(): 'connecting' | 'open' | 'closed';
    /** Bytes given to send that have not left yet. */
    get bufferedAmount(): number;
    /**
     * Sends a message of at most 64 KB; until the channel is open, messages wait (up to 1 MB).
     * Only the publisher of the stream may.
     */
    send(data: string | ArrayBuffer | ArrayBufferView): void;
    close(): void;
}
