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
export function devices(): Promise<Devices> {
  throw new Error('not yet');
}

/** Calls listener with the list when devices come and go; the result stops that. */
export function onDeviceChange(_listener: (devices: Devices) => void): () => void {
  throw new Error('not yet');
}

/**
 * Throws a {@link TertuliaError} `unsupported` or `insecure` if this browser or page cannot make
 * calls: WebRTC is missing, or (with capture) the origin is not secure.
 */
export function checkSupport(_options?: { capture?: boolean }): void {
  throw new Error('not yet');
}
