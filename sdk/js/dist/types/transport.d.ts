import type { Encoding, SendCodec } from './encodings.js';
import { Sending } from './sending.js';
import type { Signal } from './signal.js';
import type { Kind } from './words.js';
/** What a transport needs of its room. */
export interface TransportHost {
    request: Signal['request'];
    /** Whether the signalling is there: without it, restarting ICE makes no sense. */
    live: () => boolean;
    channel: (channel: RTCDataChannel) => void;
    /** The connection changed; for indicators. */
    changed: () => void;
    /** The transport is beyond repair. */
    lost: () => void;
}
/** A transport of this participant. */
export declare class Transport {
    #private;
    readonly name: string;
    readonly pc: RTCPeerConnection;
    constructor(name: string, configuration: RTCConfiguration, host: TransportHost, slots?: Readonly<Record<Kind, number>>);
    get connected(): boolean;
    get closed(): boolean;
    /** How many receiving slots there are. */
    get slots(): Readonly<Record<Kind, number>>;
    /** Begins to negotiate, now that the room's codecs and ICE servers are known. */
    start(codecs: readonly string[], iceServers: RTCIceServer[] | undefined): void;
    /** Asks for a new offer; what is asked for in one turn goes into one. */
    negotiate(): void;
    /** Waits until an offer that has all that was added before is on its way. */
    offered(): Promise<void>;
    /** Waits until all that was added before is negotiated. */
    answered(): Promise<void>;
    /** Sees to it that there are so many receiving slots, in steps. */
    addSlots(audio: number, video: number): void;
    /** The browser's track of a slot. */
    slotTrack(mid: string): MediaStreamTrack | undefined;
    /** The codec in which video will be sent: the room's first that this browser can send. */
    get videoCodec(): SendCodec;
    /** Sends a track; its mid is known once offered(). */
    addSender(track: MediaStreamTrack | undefined, kind: Kind, encodings: readonly Encoding[]): Sending;
    /** Stops sending; the m-section waits for the next track. */
    freeSender(sending: Sending): void;
    /** Sees to it that data channels can be had. */
    needData(): void;
    openChannel(label: string, init: RTCDataChannelInit): RTCDataChannel;
    /** The server told the transport's state. */
    told(state: 'connected' | 'interrupted' | 'closed'): void;
    /** The signalling is back after a cut. */
    signallingBack(): void;
    close(): void;
}
/** The first of the codecs in the order of names, with the scalability modes of its encoder. */
export declare function sendCodec(codecs: readonly {
    mimeType: string;
    scalabilityModes?: readonly string[];
}[], names: readonly string[]): SendCodec;
/** Prefers the codecs of these names for a track that is sent. */
export declare function preferCodecs(transceiver: RTCRtpTransceiver, kind: Kind, names: readonly string[]): void;
/**
 * Of the codecs that a browser receives, those in which the server may forward to it. Of H264 and packetization
 * mode 0 it needs nothing: whoever takes mode 1 takes that too.
 */
export declare function slotCodecs<C extends {
    mimeType: string;
    sdpFmtpLine?: string;
}>(codecs: readonly C[]): C[];
/** The codecs, those of names first and in their order; all are kept. */
export declare function orderCodecs<C extends {
    mimeType: string;
}>(codecs: readonly C[], names: readonly string[]): C[];
