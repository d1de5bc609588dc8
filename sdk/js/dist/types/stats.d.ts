import type { LocalStream } from './local-stream.js';
import type { RemoteStream } from './remote-stream.js';
import type { Json, Kind, Quality } from './words.js';
/** What the server forwards of a track now. */
export interface Layer {
    /** The simulcast encoding, if there are several. */
    readonly rid?: string;
    readonly spatial: number;
    readonly temporal: number;
    /** Pixels, once known. */
    readonly width?: number;
    readonly height?: number;
    readonly frameRate?: number;
    /** bit/s */
    readonly bitrate?: number;
    /** A word for why it is this layer and no better one, such as `top-layer`, `wanted-size` or `bandwidth`. */
    readonly reason?: string;
}
/**
 * What is known of one track in one direction; a track that is sent in several encodings, or to several participants, has
 * one for each. Rates are since the previous call.
 */
export interface TrackStats {
    readonly track: string;
    /** In a peer-to-peer room, the id of the participant at the other end. */
    readonly participant?: string;
    readonly kind: Kind;
    /** The simulcast encoding, of those that are sent. */
    readonly rid: string | undefined;
    /** What the server forwards; of received tracks, and if the server was asked. */
    readonly layer?: Layer | undefined;
    /** "VP8", "opus"… */
    readonly codec: string | undefined;
    /** bit/s */
    readonly bitrate: number;
    readonly bytes: number;
    readonly packets: number;
    readonly packetsLost: number;
    /** Share of packets lost since the previous call, 0…1. */
    readonly loss: number;
    /** Seconds. */
    readonly jitter: number | undefined;
    readonly rtt: number | undefined;
    /** Frames encoded or decoded. */
    readonly frames: number;
    readonly fps: number | undefined;
    readonly width: number | undefined;
    readonly height: number | undefined;
    readonly freezes: number;
    /** Seconds in all. */
    readonly freezeDuration: number;
    readonly nacks: number;
    readonly keyframeRequests: number;
    readonly retransmitted: number;
}
/** What is known of one stream. */
export interface StreamStats<Stream> {
    readonly stream: Stream;
    readonly tracks: readonly TrackStats[];
}
/** What is known of the room's connection; in a peer-to-peer room, of all connections: rates add up, of delays the longest counts. */
export interface RoomStats {
    /** When, milliseconds since 1970. */
    readonly time: number;
    readonly quality: Quality;
    readonly rtt: number | undefined;
    readonly bitrateIn: number;
    readonly bitrateOut: number;
    /** What the browser believes it can send, bit/s. */
    readonly availableOut: number | undefined;
    /** "udp" or "tcp" */
    readonly protocol: string | undefined;
    readonly local: readonly StreamStats<LocalStream>[];
    readonly remote: readonly StreamStats<RemoteStream>[];
    /** The browser's own report; in a peer-to-peer room of all connections, where ids begin with that of the participant. */
    readonly raw: RTCStatsReport;
    /** What the server counts, if asked for. */
    readonly server: Json | undefined;
}
/** One RTP stream of a report, with the names by which its track can be found. */
export interface MeasuredTrack extends Omit<TrackStats, 'track' | 'participant'> {
    readonly direction: 'in' | 'out';
    readonly mid: string | undefined;
    /** Id of the browser's track. */
    readonly mediaTrack: string | undefined;
}
/** What a report says, with rates since the one before. */
export interface Measurement {
    readonly tracks: readonly MeasuredTrack[];
    readonly rtt: number | undefined;
    readonly bitrateIn: number;
    readonly bitrateOut: number;
    readonly availableOut: number | undefined;
    readonly protocol: string | undefined;
    readonly lossIn: number;
    readonly lossOut: number;
    /** Freezes since the report before. */
    readonly freezes: number;
}
/** Reads reports one after another; it is told their time by their timestamps. */
export declare class Meter {
    #private;
    read(report: Iterable<readonly [string, unknown]>): Measurement;
}
/** The network indicator for what was measured. */
export declare function assess(measured: Pick<Measurement, 'rtt' | 'lossIn' | 'lossOut' | 'freezes'>, connected: boolean): Quality;
