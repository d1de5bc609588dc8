import { TertuliaError } from './errors.js';
/** A camera, microphone or speaker. */
export interface Device {
    readonly id: string;
    readonly kind: 'audioinput' | 'videoinput' | 'audiooutput';
    /** A name for people; a made-up one ("Camera 1") while the browser hides the names. */
    readonly label: string;
}
/** The devices of this computer. */
export interface Devices {
    readonly microphones: readonly Device[];
    readonly cameras: readonly Device[];
    readonly speakers: readonly Device[];
    /** Whether names are known: only after the user allowed a device once. */
    readonly named: boolean;
}
/** Lists the devices. */
export declare function devices(): Promise<Devices>;
/** Calls listener with the list when devices come and go; the result stops that. */
export declare function onDeviceChange(listener: (devices: Devices) => void): () => void;
/**
 * Throws a {@link TertuliaError} `unsupported` or `insecure` if this browser or page cannot make
 * calls: WebRTC is missing, or (with capture) the origin is not secure.
 */
export declare function checkSupport(options?: {
    capture?: boolean;
}): void;
/** Opens camera or microphone; what goes wrong is said in words. */
export declare function openDevices(constraints: MediaStreamConstraints): Promise<MediaStream>;
/** Asks for a screen; what goes wrong is said in words. */
export declare function openScreen(options: DisplayMediaStreamOptions): Promise<MediaStream>;
/** Puts what getUserMedia and getDisplayMedia fail with into words. */
export declare function explain(error: unknown, wanted: MediaStreamConstraints | 'screen'): TertuliaError;
/** Sorts devices by kind and gives names to the nameless. */
export declare function list(all: readonly Pick<MediaDeviceInfo, 'deviceId' | 'kind' | 'label'>[]): Devices;
