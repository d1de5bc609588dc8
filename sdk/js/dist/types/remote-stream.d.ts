import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import type { JsonObject, Kind, Participant, Source, TrackState } from './words.js';
/** One medium of a remote stream. A changed track is a new object with the same id. */
export interface RemoteTrack {
    readonly id: string;
    readonly kind: Kind;
    readonly source: Source;
    /** Muted by its publisher, or by a moderator. */
    readonly muted: boolean;
    /** The codec's name, once known. */
    readonly codec: string | undefined;
    /** How its reception is. */
    readonly state: TrackState;
    /** A sentence that says why, for some states. */
    readonly reason: string | undefined;
    /** The browser's track while one is bound. */
    readonly mediaTrack: MediaStreamTrack | undefined;
}
/** Events of a {@link RemoteStream}. */
export interface RemoteStreamEvents {
    /** The browser's track of a track came or went, or its state changed. */
    track: (track: RemoteTrack) => void;
    /** The publisher opened a data channel. */
    channel: (channel: Channel) => void;
    /** Mute states or attributes changed; by is who did it, if not the publisher. */
    updated: (by: Participant | undefined) => void;
    /** The stream is no more. */
    ended: () => void;
}
/** What is asked for of a stream: ids of tracks (undefined: all) and data. */
export interface Wanted {
    tracks: string[] | undefined;
    data: boolean;
}
/** What another participant publishes. */
export declare class RemoteStream extends Emitter<RemoteStreamEvents> {
    #private;
    readonly id: number;
    /** For a video or audio element. The object stays the same; its tracks come and go. */
    readonly mediaStream: MediaStream;
    /** Who publishes it. */
    get participant(): Participant;
    get tracks(): readonly RemoteTrack[];
    /** Whether it may have data channels. */
    get hasData(): boolean;
    get attributes(): Readonly<JsonObject>;
    /** Channels that are open. */
    get channels(): readonly Channel[];
    /** Whether any of it is asked for. */
    get subscribed(): boolean;
    /** Whether it is no more. */
    get ended(): boolean;
    /** Whether all tracks of the kind, or the track of that id, are muted; true if there is none. */
    muted(track: Kind | string): boolean;
}
