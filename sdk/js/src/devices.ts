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
export async function devices(): Promise<Devices> {
  return list(await media().enumerateDevices());
}

/** Calls listener with the list when devices come and go; the result stops that. */
export function onDeviceChange(listener: (devices: Devices) => void): () => void {
  const source = media();
  const changed = (): void => {
    devices().then(listener, () => {});
  };
  source.addEventListener('devicechange', changed);
  return () => source.removeEventListener('devicechange', changed);
}

/**
 * Throws a {@link TertuliaError} `unsupported` or `insecure` if this browser or page cannot make
 * calls: WebRTC is missing, or (with capture) the origin is not secure.
 */
export function checkSupport(options: { capture?: boolean } = {}): void {
  const peer = typeof RTCPeerConnection === 'function' ? RTCPeerConnection.prototype : undefined;
  if (!peer || typeof peer.addTransceiver !== 'function' || typeof WebSocket !== 'function') {
    throw new TertuliaError(
      'unsupported',
      'This browser cannot make calls: it lacks WebRTC, or has it switched off. A current Firefox, Chrome, Edge or Safari can.',
    );
  }
  if (options.capture) media();
}

/** Opens camera or microphone; what goes wrong is said in words. */
export function openDevices(constraints: MediaStreamConstraints): Promise<MediaStream> {
  return explained(() => media().getUserMedia(constraints), constraints);
}

/** Asks for a screen; what goes wrong is said in words. */
export function openScreen(options: DisplayMediaStreamOptions): Promise<MediaStream> {
  const source = media();
  if (typeof source.getDisplayMedia !== 'function') {
    return Promise.reject(new TertuliaError('unsupported', 'This browser cannot share a screen.'));
  }
  return explained(() => source.getDisplayMedia(options), 'screen');
}

function media(): MediaDevices {
  const found = typeof navigator === 'undefined' ? undefined : navigator.mediaDevices;
  if (found) return found;
  if (typeof isSecureContext !== 'undefined' && !isSecureContext) {
    throw new TertuliaError(
      'insecure',
      'Camera and microphone need a secure origin: open this page by https://, or on this computer by http://localhost.',
    );
  }
  throw new TertuliaError('unsupported', 'This browser gives no access to camera and microphone.');
}

async function explained(
  open: () => Promise<MediaStream>,
  wanted: MediaStreamConstraints | 'screen',
): Promise<MediaStream> {
  try {
    return await open();
  } catch (error) {
    throw explain(error, wanted);
  }
}

/** Puts what getUserMedia and getDisplayMedia fail with into words. */
export function explain(error: unknown, wanted: MediaStreamConstraints | 'screen'): TertuliaError {
  if (error instanceof TertuliaError) return error;
  const { name, message } = (error ?? {}) as { name?: string; message?: string };
  const cause = { cause: error };
  if (wanted === 'screen') {
    switch (name) {
      case 'NotAllowedError':
        return new TertuliaError(
          'cancelled',
          'Nothing was chosen to share, or sharing is not allowed.',
          cause,
        );
      case 'NotFoundError':
        return new TertuliaError('device-missing', 'There is no screen to share.', cause);
      case 'InvalidStateError':
        return new TertuliaError('permission-denied', 'Sharing a screen must follow a click.', cause);
    }
    return new TertuliaError('device-busy', `The screen could not be shared: ${message ?? name}`, cause);
  }
  const what =
    wanted.audio && wanted.video ? 'camera and microphone' : wanted.video ? 'camera' : 'microphone';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
      return new TertuliaError(
        'permission-denied',
        `The use of ${what} is not allowed. Allow it in the browser's settings for this page (often an icon in the address bar), and in those of the system.`,
        cause,
      );
    case 'SecurityError':
      return new TertuliaError('permission-denied', `This page may not use ${what}.`, cause);
    case 'NotFoundError':
    case 'DevicesNotFoundError':
      return new TertuliaError('device-missing', `No ${what.replace(' and ', ' or ')} was found.`, cause);
    case 'OverconstrainedError':
      return new TertuliaError(
        'device-missing',
        `No ${what.replace(' and ', ' or ')} does what was asked for: the chosen device may be unplugged.`,
        cause,
      );
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return new TertuliaError(
        'device-busy',
        `The ${what} could not be started: another program may be using it.`,
        cause,
      );
  }
  return new TertuliaError('device-busy', `The ${what} could not be opened: ${message ?? name}`, cause);
}

/** Sorts devices by kind and gives names to the nameless. */
export function list(all: readonly Pick<MediaDeviceInfo, 'deviceId' | 'kind' | 'label'>[]): Devices {
  const of = (kind: Device['kind'], noun: string): Device[] =>
    all
      .filter((device) => device.kind === kind)
      .map((device, index) => ({ id: device.deviceId, kind, label: device.label || `${noun} ${index + 1}` }));
  return {
    microphones: of('audioinput', 'Microphone'),
    cameras: of('videoinput', 'Camera'),
    speakers: of('audiooutput', 'Speaker'),
    named: all.some((device) => device.label !== ''),
  };
}
