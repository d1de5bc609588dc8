import type { Channel, ChannelOptions } from './channel.js';
import { Emitter } from './emitter.js';
import type { JsonObject, Kind, Participant, Source } from './words.js';
/** What all local streams can be made with. */
export interface LocalStreamOptions {
    /** The application's own data on the stream, which others see. */
    attributes?: JsonObject;
    /** Whether the stream may have data channels. */
    data?: boolean;
    /** Upper bound of the video bitrate, bit/s. */
    maxVideoBitrate?: number;
    /** Upper bound of the audio bitrate, bit/s. */
    maxAudioBitrate?: number;
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
/** What this participant publishes, or may publish. */
export declare class LocalStream extends Emitter<LocalStreamEvents> {
    /** Opens camera and microphone. */
    static camera(_options?: CameraOptions): Promise<LocalStream>;
    /** Asks the user for a screen, window or tab. */
    static screen(_options?: ScreenOptions): Promise<LocalStream>;
    /** Makes a stream of any tracks: a canvas, a video element, another connection. */
    static from(_media: MediaStream | MediaStreamTrack[], _options?: FromOptions): LocalStream;
    /** Makes a stream that has data channels only. */
    static data(_options?: Omit<LocalStreamOptions, 'data'>): LocalStream;
    /** The server's number for it; undefined while it is not published. */
    get id(): number | undefined;
    /** Whether it is published, or being published. */
    get published(): boolean;
    /** Whether it is over. */
    get ended(): boolean;
    /** For a video element (muted). The object stays the same; its tracks come and go. */
    get mediaStream(): MediaStream;
    get tracks(): readonly LocalTrack[];
    /** Whether it may have data channels. */
    get hasData(): boolean;
    get attributes(): Readonly<JsonObject>;
    /** Whether all tracks of the kind, or the track of that id, are muted. */
    muted(_track: Kind | string): boolean;
    /** Mutes. With release, the device is let go too: its light goes out, and unmute opens it again. */
    mute(_track: Kind | string, _options?: {
        release?: boolean;
    }): Promise<void>;
    unmute(_track: Kind | string): Promise<void>;
    /** Switches to another device, without the others noticing more than the picture. */
    setDevice(_kind: Kind, _deviceId: string): Promise<void>;
    /** The device in use. */
    deviceId(_kind: Kind): string | undefined;
    setAttributes(_attributes: JsonObject): Promise<void>;
    /** Opens a data channel to the stream's subscribers. */
    openChannel(_label: string, _options?: ChannelOptions): Channel;
    /** Ends the stream: devices are let go, the room unpublishes it. */
    stop(): void;
}
