import { type Attachment } from './attachment.js';
import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import type { TertuliaError } from './errors.js';
import { type Preference } from './preference.js';
import type { JsonObject, Kind, Participant, PauseCause, Source, TrackState } from './words.js';
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
    /** Why it is paused, while it is. */
    readonly cause: PauseCause | undefined;
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
/** Options of {@link RemoteStream.attach}. */
export interface AttachOptions {
    /** Weight beside the other tracks, 1…100, where not all of them fit the network; 10 is usual. */
    priority?: number;
}
/** What a remote stream needs of its room. */
export interface RemoteStreamHost {
    participant: () => Participant;
    /** Why nothing can be wanted of layers in this room; undefined: it can. */
    unlayered: () => TertuliaError | undefined;
    /** What is wanted of a track changed. */
    prefer: (stream: RemoteStream, track: string, preference: Required<Preference>) => Promise<void>;
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
    /**
     * Shows the stream in a video element, and receives what fits it: the server is told how large the element is, in pixels of
     * the screen, and stops the video while nobody can see it (scrolled away, in a hidden tab, taken off the page). A stream may be attached to several
     * elements; the largest counts. One that was attached and is not any more is stopped as one that is hidden; one that never
     * was is received in full, unless the room was entered with `videoOnDemand`.
     */
    attach(element: HTMLVideoElement, options?: AttachOptions): Attachment;
    /**
     * Says what is wanted of the tracks of a kind, or of the track of that id. What is given counts before what
     * {@link RemoteStream.attach} finds out, field by field; undefined takes it all back. Fails with `bad-request` when a
     * number makes no sense, and with `unsupported` in a peer-to-peer room, where no server chooses.
     */
    prefer(track: Kind | string, preference: Preference | undefined): Promise<void>;
}
