import type { ChannelOptions } from './channel.js';
/** What a {@link Channel} needs of the channel that carries it. */
export type Carried = Pick<RTCDataChannel, 'readyState' | 'bufferedAmount' | 'binaryType' | 'close' | 'onopen' | 'onmessage' | 'onclose'> & {
    send(data: string | ArrayBuffer): void;
};
/** Looks like one channel that is always open; what is sent goes to those who receive now. */
export declare class Fanout implements Carried {
    #private;
    readyState: RTCDataChannelState;
    binaryType: BinaryType;
    onopen: Carried['onopen'];
    onmessage: Carried['onmessage'];
    onclose: Carried['onclose'];
    constructor({ maxRetransmits, maxPacketLifeTime }: ChannelOptions);
    /** Of the slowest receiver. */
    get bufferedAmount(): number;
    /** Somebody receives by this channel from now on, in place of a former one. */
    add(who: string, channel: Carried): void;
    /** Whether somebody receives, or was let go as too slow and is not to get what follows the gap. */
    knows(who: string): boolean;
    remove(who: string): void;
    send(data: string | ArrayBuffer): void;
    close(): void;
}
