import type { LocalStream, LocalTrack } from './local-stream.js';
import type { PeerSignal } from './peer-signal.js';
import type { Signal } from './signal.js';
import { type Heard } from './speaking.js';
/** What a pair needs of its room. */
export interface PairHost {
    request: Signal['request'];
    /** Whether the signalling is there. */
    live: () => boolean;
    configuration: () => RTCConfiguration;
    codecs: () => readonly string[];
    /** What the other sends may have changed, or how it arrives. */
    changed: (pair: Pair) => void;
    /** There is a new connection, on which nothing is open yet. */
    begun: () => void;
    channel: (channel: RTCDataChannel) => void;
}
/** A pair of this participant and another. */
export declare class Pair {
    #private;
    readonly participant: string;
    /** former: how many connections there were with the other before; it may still think that the last one stands. */
    constructor(own: string, participant: string, host: PairHost, former?: number);
    /** Which of our connections with the other this is, from 1. */
    get connection(): number;
    get pc(): RTCPeerConnection;
    get connected(): boolean;
    /** Whether anything is to go either way. */
    get used(): boolean;
    /** Sends these tracks of a stream, and no others of it. */
    send(id: number, stream: LocalStream, tracks: readonly LocalTrack[]): void;
    /** Sends nothing of a stream any more. */
    withdraw(id: number): void;
    /** Ids of the streams of which something is sent, or a channel may be open. */
    get sends(): readonly number[];
    /** A track has another device, or none. */
    replaced(id: number, track: LocalTrack): Promise<void>;
    openChannel(label: string, init: RTCDataChannelInit): RTCDataChannel;
    /** The m-section that carries an own track. */
    sentMid(id: number, trackId: string): string | undefined;
    /** The m-section in which a track of the other comes. */
    receivedMid(id: number, trackId: string): string | undefined;
    /** What the other sends, with the browser's track of it; without one, nothing was agreed on that could be decoded. */
    received(): {
        stream: number;
        track: string;
        mediaTrack: MediaStreamTrack | undefined;
    }[];
    /**
     * How loud the audio is that comes, of tracks that the other may speak of, and that goes, of tracks that are not known
     * already.
     */
    levels(heeds: (stream: number, track: string) => boolean, known: (stream: number, track: string) => boolean): Promise<Heard[]>;
    /** The other said something. */
    hear(signal: PeerSignal): void;
    /** The session was rebuilt and the other is there: what was under way between the two is lost. */
    sessionRebuilt(): void;
    /** The signalling is back after a cut. */
    signallingBack(): void;
    close(): void;
}
