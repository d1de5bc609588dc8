import { Channel, type ChannelOptions } from './channel.js';
import { openDevices, openScreen } from './devices.js';
import { Emitter } from './emitter.js';
import { audioEncodings, type Encoding, type SendCodec, videoEncodings } from './encodings.js';
import { TertuliaError } from './errors.js';
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

/** A track as the stream has it; the application sees it as a {@link LocalTrack}. */
interface OwnTrack {
  id: string;
  kind: Kind;
  source: Source;
  muted: boolean;
  mediaTrack: MediaStreamTrack | undefined;
  /** How to open the device again. */
  constraints: MediaTrackConstraints | undefined;
}

const defaultAudio: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

const defaultVideo: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};

/** What this participant publishes, or may publish. */
export class LocalStream extends Emitter<LocalStreamEvents> {
  /** Opens camera and microphone. Fails with a {@link TertuliaError} that says in words why. */
  static async camera(options: CameraOptions = {}): Promise<LocalStream> {
    const audio = constraintsOf(options.audio ?? true, defaultAudio, options.audioDeviceId);
    const video = constraintsOf(options.video ?? true, defaultVideo, options.videoDeviceId);
    const media = await openDevices({ audio: audio ?? false, video: video ?? false });
    const tracks = media
      .getTracks()
      .map((track) =>
        track.kind === 'audio'
          ? { track, source: 'microphone' as const, constraints: audio }
          : { track, source: 'camera' as const, constraints: video },
      );
    return new LocalStream(media, tracks, options);
  }

  /** Asks the user for a screen, window or tab; `cancelled` if nothing is chosen. */
  static async screen(options: ScreenOptions = {}): Promise<LocalStream> {
    const video = options.video ?? true;
    const media = await openScreen({
      video: typeof video === 'object' ? video : { frameRate: { ideal: 30, max: 30 } },
      audio: options.audio ?? false,
    });
    const tracks = media.getTracks().map((track) => {
      if (track.kind === 'video' && 'contentHint' in track) track.contentHint = 'detail';
      return { track, source: track.kind === 'video' ? ('screen' as const) : ('screen-audio' as const) };
    });
    return new LocalStream(media, tracks, options);
  }

  /** Makes a stream of any tracks: a canvas, a video element, another connection. */
  static from(media: MediaStream | MediaStreamTrack[], options: FromOptions = {}): LocalStream {
    const { source = 'other' } = options;
    const stream = Array.isArray(media) ? new MediaStream(media) : media;
    const tracks = stream
      .getTracks()
      .map((track) => ({ track, source: typeof source === 'function' ? source(track) : source }));
    return new LocalStream(stream, tracks, options);
  }

  /** Makes a stream that has data channels only. */
  static data(options: Omit<LocalStreamOptions, 'data'> = {}): LocalStream {
    return new LocalStream(new MediaStream(), [], { ...options, data: true });
  }

  /** For a video element (muted). The object stays the same; its tracks come and go. */
  readonly mediaStream: MediaStream;
  /** Whether it may have data channels. */
  readonly hasData: boolean;
  readonly #options: LocalStreamOptions;
  readonly #tracks: OwnTrack[] = [];
  #attributes: JsonObject;
  #publisher: Publisher | undefined;
  #ended = false;
  readonly #channels = new Set<Channel>();

  private constructor(
    media: MediaStream,
    tracks: { track: MediaStreamTrack; source: Source; constraints?: MediaTrackConstraints }[],
    options: LocalStreamOptions,
  ) {
    super();
    this.mediaStream = media;
    this.hasData = options.data ?? false;
    this.#options = options;
    this.#attributes = { ...options.attributes };
    const counts = { audio: 0, video: 0 };
    for (const { track, source, constraints } of tracks) {
      const kind = track.kind as Kind;
      const own: OwnTrack = {
        id: `${kind.charAt(0)}${++counts[kind]}`,
        kind,
        source,
        muted: !track.enabled,
        mediaTrack: track,
        constraints,
      };
      this.#tracks.push(own);
      this.#watch(own, track);
    }
  }

  /** The server's number for it; undefined while it is not published. */
  get id(): number | undefined {
    return this.#publisher?.id;
  }

  /** Whether it is published, or being published. */
  get published(): boolean {
    return this.#publisher !== undefined;
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended;
  }

  get tracks(): readonly LocalTrack[] {
    return this.#tracks;
  }

  get attributes(): Readonly<JsonObject> {
    return this.#attributes;
  }

  /** Whether all tracks of the kind, or the track of that id, are muted; true if there is none. */
  muted(track: Kind | string): boolean {
    return this.#find(track).every((each) => each.muted);
  }

  /**
   * Mutes: nothing is sent, and the others are told. With release, a camera or microphone is let go
   * as well: its light goes out, and unmute opens it again.
   */
  async mute(track: Kind | string, options: { release?: boolean } = {}): Promise<void> {
    await Promise.all(
      this.#find(track).map(async (own) => {
        if (options.release && own.constraints && own.mediaTrack) this.#exchange(own, undefined);
        this.#setMuted(own, true, undefined);
        await this.#publisher?.muted(own);
        if (!own.mediaTrack) await this.#publisher?.replaced(own);
      }),
    );
  }

  /** Unmutes; a released device is opened again, which may fail. */
  async unmute(track: Kind | string): Promise<void> {
    await Promise.all(
      this.#find(track).map(async (own) => {
        if (!own.mediaTrack && own.constraints) await this.#reopen(own, own.constraints);
        this.#setMuted(own, false, undefined);
        await this.#publisher?.muted(own);
      }),
    );
  }

  /** Switches to another device of the kind; the stream goes on. */
  async setDevice(kind: Kind, deviceId: string): Promise<void> {
    const own = this.#tracks.find((each) => each.kind === kind && each.constraints);
    if (!own?.constraints) {
      throw new TertuliaError(
        'not-found',
        `This stream has no ${kind === 'audio' ? 'microphone' : 'camera'}.`,
      );
    }
    const former = own.constraints;
    const wanted = { ...former, deviceId: { exact: deviceId } };
    if (!own.mediaTrack) {
      own.constraints = wanted; // released: unmute opens it
      return;
    }
    // A phone cannot have two of its cameras open at once.
    if (kind === 'video') own.mediaTrack.stop();
    try {
      await this.#reopen(own, wanted);
    } catch (error) {
      if (kind === 'video') await this.#reopen(own, former).catch(() => this.#lost(own));
      throw error;
    }
  }

  /** The device in use. */
  deviceId(kind: Kind): string | undefined {
    return this.#tracks.find((each) => each.kind === kind)?.mediaTrack?.getSettings().deviceId;
  }

  /** Replaces the attributes, which others see. */
  async setAttributes(attributes: JsonObject): Promise<void> {
    this.#attributes = { ...attributes };
    this.emit('updated');
    await this.#publisher?.attributes();
  }

  /**
   * Opens a data channel to the stream's subscribers: those of now and those to come. Fails with `bad-request` when both
   * limits of a lossy channel are given.
   */
  openChannel(label: string, options: ChannelOptions = {}): Channel {
    if (!this.hasData) throw new TertuliaError('conflict', 'The stream was made without data.');
    if (this.#ended) throw new TertuliaError('closed', 'The stream is over.');
    if (options.maxRetransmits !== undefined && options.maxPacketLifeTime !== undefined) {
      throw new TertuliaError(
        'bad-request',
        'A channel has either maxRetransmits or maxPacketLifeTime, not both.',
      );
    }
    const channel = new Channel(label, options, true);
    this.#channels.add(channel);
    channel.on('close', () => this.#channels.delete(channel));
    this.#publisher?.channel(channel);
    return channel;
  }

  /** Ends the stream: devices are let go, the room unpublishes it. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const own of this.#tracks) own.mediaTrack?.stop();
    for (const channel of [...this.#channels]) channel.close();
    this.#publisher?.stopped();
    this.emit('ended');
  }

  /** @internal */
  get openChannels(): ReadonlySet<Channel> {
    return this.#channels;
  }

  /** @internal */
  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  /** @internal */
  set publisher(publisher: Publisher | undefined) {
    this.#publisher = publisher;
  }

  /** @internal In which encodings a track is to be sent. */
  encodings(track: LocalTrack, codec: SendCodec): Encoding[] {
    if (track.kind === 'audio') return audioEncodings(this.#options.maxAudioBitrate);
    const { width, height } = track.mediaTrack?.getSettings() ?? {};
    return videoEncodings({ source: track.source, width, height }, this.#options, codec);
  }

  /** @internal The one encoding in which a track is sent where no server chooses among layers. */
  plainEncoding(track: LocalTrack): Encoding {
    const maxBitrate = this.encodings(track, { name: '', modes: [] }).at(-1)?.maxBitrate;
    return maxBitrate === undefined ? {} : { maxBitrate };
  }

  /** @internal A moderator muted a track. */
  mutedBy(trackId: string, by: Participant | undefined): void {
    const own = this.#tracks.find((each) => each.id === trackId);
    if (own && !own.muted) this.#setMuted(own, true, by);
  }

  #find(track: Kind | string): OwnTrack[] {
    return this.#tracks.filter((each) => each.kind === track || each.id === track);
  }

  #setMuted(own: OwnTrack, muted: boolean, by: Participant | undefined): void {
    if (own.mediaTrack) own.mediaTrack.enabled = !muted;
    if (own.muted === muted) return;
    own.muted = muted;
    this.emit('mute', own, by);
  }

  async #reopen(own: OwnTrack, constraints: MediaTrackConstraints): Promise<void> {
    const media = await openDevices({ [own.kind]: constraints });
    const [track] = media.getTracks();
    if (!track) throw new TertuliaError('device-missing', 'The device gives nothing.');
    if (this.#ended) {
      track.stop();
      throw new TertuliaError('closed', 'The stream is over.');
    }
    track.enabled = !own.muted;
    own.constraints = constraints;
    this.#exchange(own, track);
    await this.#publisher?.replaced(own);
  }

  #exchange(own: OwnTrack, track: MediaStreamTrack | undefined): void {
    const former = own.mediaTrack;
    own.mediaTrack = track;
    if (former) {
      this.mediaStream.removeTrack(former);
      former.stop();
    }
    if (track) {
      this.mediaStream.addTrack(track);
      this.#watch(own, track);
    }
    this.emit('track', own);
  }

  // The event does not come for stop(): it means that the device, or the user, ended the track.
  #watch(own: OwnTrack, track: MediaStreamTrack): void {
    track.addEventListener('ended', () => {
      if (this.#ended || own.mediaTrack !== track) return;
      if (own.constraints) this.#lost(own);
      else if (
        this.#tracks.every((each) => each.mediaTrack?.readyState !== 'live' || isSoundOfScreen(each))
      ) {
        this.stop();
      }
    });
  }

  #lost(own: OwnTrack): void {
    this.emit('device-lost', own);
  }
}

// Without its picture, a shared screen is over.
function isSoundOfScreen(track: OwnTrack): boolean {
  return track.source === 'screen-audio';
}

function constraintsOf(
  wanted: boolean | MediaTrackConstraints,
  defaults: MediaTrackConstraints,
  deviceId: string | undefined,
): MediaTrackConstraints | undefined {
  if (wanted === false) return undefined;
  const constraints = { ...defaults, ...(wanted === true ? {} : wanted) };
  return deviceId ? { ...constraints, deviceId: { exact: deviceId } } : constraints;
}
