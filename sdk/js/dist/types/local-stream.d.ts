import { Channel, type ChannelOptions } from './channel.js';
import { Emitter } from './emitter.js';
import type { JsonObject, Kind, Participant, Source } from './words.js';
/** What all local streams can be made with. */
export interface LocalStreamOptions {
    /** The application's own data on the stream, which others see. */
    attributes?: JsonObject;
    /** Whether the stream may have data channels. */
    data?: boolean;
    /** Upper bound of the video bitrate, bit/s: of the largest layer; the smaller ones of simulcast come on top. */
    maxVideoBitrate?: number;
    /** Upper bound of the audio bitrate, bit/s. */
    maxAudioBitrate?: number;
    /**
     * Whether video is sent in several qualities, so that each receiver gets one that fits it. By default cameras are, as
     * simulcast (VP8, H264) or in spatial layers (VP9, AV1, where the browser has them), and screens are not. `true` asks for simulcast with any
     * codec. Layers that nobody receives are not encoded.
     */
    simulcast?: boolean;
    /** The scalability mode of each encoding ("L1T3", "L3T3_KEY"…), where the browser has it; more than one spatial layer takes the place of simulcast. */
    scalabilityMode?: string;
}
/** What {@link LocalStream.camera} takes. */
export interface CameraOptions extends LocalStreamOptions {
    /** Microphone: true (default), false, or constraints. */
    audio?: boolean | MediaTrackConstraints;
    /** Camera: true (default), false, or constraints. */
    video?: boolean | MediaTrackConstraints;
    audioDeviceId?: string;
    videoDeviceId?: string;
}
/** What {@link LocalStream.screen} takes. */
export interface ScreenOptions extends LocalStreamOptions {
    /** Whether to ask for the sound too (default false); not all browsers have it. */
    audio?: boolean | MediaTrackConstraints;
    video?: boolean | MediaTrackConstraints;
}
/** What {@link LocalStream.from} takes. */
export interface FromOptions extends LocalStreamOptions {
    /** Where the tracks come from; by default `other`. */
    source?: Source | ((track: MediaStreamTrack) => Source);
}
/** One medium of a local stream. */
export interface LocalTrack {
    readonly id: string;
    readonly kind: Kind;
    readonly source: Source;
    readonly muted: boolean;
    /** The browser's track; undefined while the device is released. */
    readonly mediaTrack: MediaStreamTrack | undefined;
}
/** Events of a {@link LocalStream}. */
export interface LocalStreamEvents {
    /** A track was muted or unmuted; by is the moderator, if it was one. */
    mute: (track: LocalTrack, by: Participant | undefined) => void;
    /** A device was switched, released or acquired again: `mediaStream` has other tracks now. */
    track: (track: LocalTrack) => void;
    /** A camera or microphone was unplugged or taken away; setDevice mends it. */
    'device-lost': (track: LocalTrack) => void;
    /** Attributes changed. */
    updated: () => void;
    /** The stream is over: stop was called, or the browser's own button ended screen sharing. */
    ended: () => void;
}
/** What a local stream tells its publication. */
export interface Publisher {
    readonly id: number | undefined;
    /** The mute state of a track changed. */
    muted(track: LocalTrack): Promise<void>;
    /** Another browser's track is to be sent, or none. */
    replaced(track: LocalTrack): Promise<void>;
    attributes(): Promise<void>;
    channel(channel: Channel): void;
    stopped(): void;
}
/** What this participant publishes, or may publish. */
export declare class LocalStream extends Emitter<LocalStreamEvents> {
    #private;
    /** Opens camera and microphone. Fails with a {@link TertuliaError} that says in words why. */
    static camera(options?: CameraOptions): Promise<LocalStream>;
    /** Asks the user for a screen, window or tab; `cancelled` if nothing is chosen. */
    static screen(options?: ScreenOptions): Promise<LocalStream>;
    /** Makes a stream of any tracks: a canvas, a video element, another connection. */
    static from(media: MediaStream | MediaStreamTrack[], options?: FromOptions): LocalStream;
    /** Makes a stream that has data channels only. */
    static data(options?: Omit<LocalStreamOptions, 'data'>): LocalStream;
    /** For a video element (muted). The object stays the same; its tracks come and go. */
    readonly mediaStream: MediaStream;
    /** Whether it may have data channels. */
    readonly hasData: boolean;
    private constructor();
    /** The server's number for it; undefined while it is not published. */
    get id(): number | undefined;
    /** Whether it is published, or being published. */
    get published(): boolean;
    /** Whether it is over. */
    get ended(): boolean;
    get tracks(): readonly LocalTrack[];
    get attributes(): Readonly<JsonObject>;
    /** Whether all tracks of the kind, or the track of that id, are muted; true if there is none. */
    muted(track: Kind | string): boolean;
    /**
     * Mutes: nothing is sent, and the others are told. With release, a camera or microphone is let go
     * as well: its light goes out, and unmute opens it again.
     */
    mute(track: Kind | string, options?: {
        release?: boolean;
    }): Promise<void>;
    /** Unmutes; a released device is opened again, which may fail. */
    unmute(track: Kind | string): Promise<void>;
    /** Switches to another device of the kind; the stream goes on. */
    setDevice(kind: Kind, deviceId: string): Promise<void>;
    /** The device in use. */
    deviceId(kind: Kind): string | undefined;
    /** Replaces the attributes, which others see. */
    setAttributes(attributes: JsonObject): Promise<void>;
    /**
     * Opens a data channel to the stream's subscribers: those of now and those to come. Fails with `bad-request` when both
     * limits of a lossy channel are given.
     */
    openChannel(label: string, options?: ChannelOptions): Channel;
    /** Ends the stream: devices are let go, the room unpublishes it. */
    stop(): void;
}
