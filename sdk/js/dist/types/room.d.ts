import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import { RemoteStream, type Wanted } from './remote-stream.js';
import { type RoomStats } from './stats.js';
import type { EndReason, Json, JsonObject, LeaveReason, Message, Participant, Permission, Quality, RoomMode, RoomState } from './words.js';
/** A token, or who to ask for one: when a session is lost, a fresh one is needed. */
export type TokenSource = string | (() => string | Promise<string>);
/** Options of {@link connect}. */
export interface ConnectOptions {
    /**
     * Whether streams of others are subscribed as they come (default true), or a function that says
     * it for each, or says what of it.
     */
    autoSubscribe?: boolean | ((stream: RemoteStream) => boolean | SubscribeOptions);
    /**
     * Whether the video of others is received only while an element that it is attached to ({@link RemoteStream.attach}) can
     * be seen. Default false: video that was never attached is received in full. Without effect in peer-to-peer rooms.
     */
    videoOnDemand?: boolean;
    /** Streams to publish at once: the fastest way to be seen. */
    publish?: LocalStream[];
    /** What others see of this participant from the start. */
    metadata?: JsonObject;
    /** ICE servers instead of those that the server names. */
    iceServers?: RTCIceServer[];
    /** `relay` allows TURN only. */
    iceTransportPolicy?: RTCIceTransportPolicy;
    /** Name and version of the application, for the server's log. */
    client?: string;
    /** How long to try to enter, milliseconds (default 15 000). */
    timeout?: number;
    /** How long to try to come back after a cut, milliseconds (default 120 000). */
    reconnectFor?: number;
    /** Gives up entering. */
    signal?: AbortSignal;
}
/** What of a stream to receive. */
export interface SubscribeOptions {
    /** Default true. */
    audio?: boolean;
    /** Default true. */
    video?: boolean;
    /** Default: whether the stream has data. */
    data?: boolean;
    /** Ids of tracks, instead of audio and video. */
    tracks?: string[];
}
/** An audio track that is heard now. */
export interface Speaker {
    readonly stream: RemoteStream | LocalStream;
    readonly participant: Participant;
    readonly track: string;
    /** −127…0 dBov */
    readonly level: number;
}
/** Events of a {@link Room}. */
export interface RoomEvents {
    'participant-joined': (participant: Participant) => void;
    'participant-left': (participant: Participant, reason: LeaveReason) => void;
    /** Metadata or permissions changed; also told of `me`. */
    'participant-updated': (participant: Participant) => void;
    'stream-published': (stream: RemoteStream) => void;
    'stream-unpublished': (stream: RemoteStream) => void;
    /** Mute states or attributes changed; by is who did it, if not the publisher. */
    'stream-updated': (stream: RemoteStream, by: Participant | undefined) => void;
    /** A stream of this participant was published, or is no more. */
    'local-streams': () => void;
    message: (message: Message) => void;
    /** Who speaks now, loudest first; empty in silence. */
    speakers: (speakers: readonly Speaker[]) => void;
    /** The room's metadata changed. */
    'room-updated': () => void;
    state: (state: RoomState) => void;
    /** The session is over. Not told for leave(). */
    ended: (reason: EndReason, message: string) => void;
    quality: (quality: Quality) => void;
}
/** A room that this participant is in; {@link connect} makes it. */
export declare class Room extends Emitter<RoomEvents> {
    #private;
    /** 24 hexadecimal characters. */
    get id(): string;
    get name(): string;
    /** How media go: through the server, or from participant to participant. */
    get mode(): RoomMode;
    get metadata(): Readonly<JsonObject>;
    /** Codecs that publishers should prefer, best first. */
    get codecs(): readonly string[];
    get state(): RoomState;
    /** This participant. */
    get me(): Participant;
    /** The others, by id. */
    get participants(): ReadonlyMap<string, Participant>;
    /** Streams of the others, by id. */
    get streams(): ReadonlyMap<number, RemoteStream>;
    /** What this participant publishes. */
    get localStreams(): readonly LocalStream[];
    get permissions(): readonly Permission[];
    /** The network indicator. */
    get quality(): Quality;
    /** Who speaks now, loudest first. */
    get speakers(): readonly Speaker[];
    /** Whether this participant may. */
    can(permission: Permission): boolean;
    /** Streams of a participant. */
    streamsOf(participant: Participant | string): RemoteStream[];
    /** Publishes a stream; resolves once the server has it. */
    publish(stream: LocalStream): Promise<void>;
    /** Stops publishing; the stream's devices stay open (stop() closes them). */
    unpublish(stream: LocalStream): Promise<void>;
    /** Asks to receive a stream, or changes what of it is received. */
    subscribe(stream: RemoteStream, options?: SubscribeOptions): Promise<void>;
    unsubscribe(stream: RemoteStream): Promise<void>;
    /**
     * Sends a message of at most 64 KB of JSON to all others, or to some. Resolves to its id once the
     * server has it; through cuts of the connection it arrives once.
     */
    send(data: Json, options?: {
        to?: (Participant | string)[];
    }): Promise<string>;
    /** Mutes a track of another participant (permission `moderate`); only its owner can unmute. */
    mute(stream: RemoteStream, track: string): Promise<void>;
    /** Ends another participant's presence (permission `moderate`). */
    kick(participant: Participant | string, reason?: string): Promise<void>;
    /** Replaces this participant's metadata. */
    setMetadata(metadata: JsonObject): Promise<void>;
    /** Replaces the room's metadata (permission `moderate`). */
    setRoomMetadata(metadata: JsonObject): Promise<void>;
    /**
     * Counts of what is sent and received, and rates since the previous call; with server, also what
     * the server counts (which fails with `unsupported` in a peer-to-peer room).
     */
    getStats(options?: {
        server?: boolean;
    }): Promise<RoomStats>;
    /** Leaves; never fails. The devices of local streams stay open. */
    leave(): Promise<void>;
}
/** What options ask for of a stream. */
export declare function wantedOf(stream: Pick<RemoteStream, 'tracks' | 'hasData'>, options: SubscribeOptions): Wanted;
