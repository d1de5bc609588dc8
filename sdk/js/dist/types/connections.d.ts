import type { Publication } from './publication.js';
import type { RemoteStream } from './remote-stream.js';
import { type Measurement, type TrackStats } from './stats.js';
/** A connection, with where on it a track is. */
export interface Connection {
    readonly pc: RTCPeerConnection;
    /** The other side, if it is a participant. */
    readonly participant?: string;
    readonly sentMid: (publication: Publication, track: string) => string | undefined;
    readonly receivedMid: (stream: RemoteStream, track: string) => string | undefined;
}
/** What the reports of all connections say. */
export interface Measured extends Omit<Measurement, 'tracks'> {
    readonly raw: RTCStatsReport;
    /** Statistics of an own track; mediaTrack is the browser's. */
    readonly sent: (publication: Publication, track: string, mediaTrack: string | undefined) => TrackStats[];
    readonly received: (stream: RemoteStream, track: string, mediaTrack: string) => TrackStats[];
}
/** Reads the reports of connections again and again; rates are since the time before. */
export declare class Meters {
    #private;
    read(connections: readonly Connection[]): Promise<Measured>;
}
/** What several connections are together: rates add up, of delay and loss the worst counts. */
export declare function together(all: readonly Omit<Measurement, 'tracks'>[]): Omit<Measurement, 'tracks'>;
/**
 * Makes one report of several. Each connection counts its ids for itself, so those of participants get the participant's
 * id in front, wherever they are named.
 */
export declare function mergeReports(reports: readonly (readonly [string | undefined, RTCStatsReport])[]): RTCStatsReport;
