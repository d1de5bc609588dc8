/** Which track a sender's m-section carries. */
export interface PeerTrack {
    readonly mid: string;
    readonly stream: number;
    readonly track: string;
}
/** A signal as docs/protocol.md of the server has it. */
export interface PeerSignal {
    /** Which of the sender's connections with the receiver it is about, from 1. */
    readonly connection: number;
    /** Which of the receiver's, as far as the sender has heard of one. */
    readonly peer?: number;
    readonly description?: {
        readonly type: 'offer' | 'answer';
        readonly sdp: string;
    };
    /** Number of the offer, or of the one that is answered. */
    readonly offer?: number;
    /** All that the sender sends. */
    readonly tracks?: readonly PeerTrack[];
    readonly candidates?: readonly RTCIceCandidateInit[];
}
/** Reads what another participant said, who may say anything; undefined when it makes no sense. */
export declare function readSignal(data: unknown): PeerSignal | undefined;
