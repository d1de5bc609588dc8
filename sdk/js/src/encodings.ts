// In which layers a track is sent: pure functions.

import type { WantedLayer } from './protocol.js';
import type { Source } from './words.js';

/** One encoding of a sender, with what TypeScript does not know of it yet. */
export interface Encoding extends RTCRtpEncodingParameters {
  scalabilityMode?: string;
}

/** What is known of a video track that is to be sent. */
export interface Picture {
  readonly source: Source;
  /** Undefined while the device is released. */
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/** What the application says about the sending of video. */
export interface VideoOptions {
  simulcast?: boolean;
  scalabilityMode?: string;
  maxVideoBitrate?: number;
}

/** The codec that the room and the browser agree on, with the modes that its encoder has. */
export interface SendCodec {
  /** "VP8", "VP9"…; empty when it is not known. */
  readonly name: string;
  /** Undefined where the browser does not say; what it does not have is then found out by asking for it. */
  readonly modes: readonly string[] | undefined;
}

/** Names of the simulcast layers: a quarter, half and full of the size. */
const rids = ['q', 'h', 'f'] as const;

/** Of a camera of 1280×720, bit/s. */
const cameraBitrate = 1_200_000;
const screenBitrate = 2_500_000;

/**
 * The encodings of a video track. Cameras are sent in three qualities, so that each receiver gets one that fits: as
 * simulcast (VP8, H264), or as spatial layers of one stream (VP9, AV1). Screens are sent in one.
 */
export function videoEncodings(picture: Picture, options: VideoOptions, codec: SendCodec): Encoding[] {
  const { simulcast = picture.source === 'camera', scalabilityMode: asked } = options;
  const maxBitrate = options.maxVideoBitrate ?? usualBitrate(picture, options.simulcast === true);
  const mode = (...names: (string | undefined)[]): string | undefined =>
    names.find((name) => name !== undefined && has(codec, name));
  const only = (scalabilityMode: string | undefined): Encoding[] => [
    defined({ maxBitrate, scalabilityMode }),
  ];

  if (asked !== undefined && spatialLayers(asked) > 1) return only(mode(asked, 'L1T3'));
  if (!simulcast) return only(mode(asked, 'L1T3'));
  if (hasSpatialLayers(codec) && options.simulcast === undefined && asked === undefined)
    return only(mode('L3T3_KEY', 'L1T3'));
  const layers = layersOf(picture);
  if (layers === 1) return only(mode(asked, 'L1T3'));
  return rids.slice(-layers).map((rid, index) => {
    const scale = 2 ** (layers - 1 - index);
    return defined({
      rid,
      scaleResolutionDownBy: scale,
      maxBitrate: scaled(maxBitrate, scale),
      scalabilityMode: mode(asked, 'L1T3'),
    });
  });
}

/** The encodings of an audio track. */
export function audioEncodings(maxBitrate: number | undefined): Encoding[] {
  return [defined({ maxBitrate })];
}

function has(codec: SendCodec, mode: string): boolean {
  if (codec.modes) return codec.modes.includes(mode);
  return codec.name !== '' && (spatialLayers(mode) === 1 || hasSpatialLayers(codec));
}

function hasSpatialLayers({ name }: SendCodec): boolean {
  return /^(VP9|AV1)$/i.test(name);
}

// The smallest layer is to be no smaller than a tile among many: 240×135.
function layersOf({ width, height }: Picture): number {
  const long = Math.max(width ?? 0, height ?? 0);
  if (long === 0 || long >= 960) return 3;
  return long >= 480 ? 2 : 1;
}

function usualBitrate({ source, width, height }: Picture, layered: boolean): number | undefined {
  if (source === 'screen') return screenBitrate;
  if (source !== 'camera' && !layered) return undefined;
  if (!width || !height) return cameraBitrate;
  const bitrate = cameraBitrate * ((width * height) / (1280 * 720)) ** 0.75;
  return Math.round(Math.min(2_500_000, Math.max(150_000, bitrate)));
}

// A picture of a quarter of the pixels needs a bit more than a quarter of the bits: pixels to the power of 3/4.
function scaled(bitrate: number | undefined, scale: number): number | undefined {
  return bitrate === undefined ? undefined : Math.round(bitrate * scale ** -1.5);
}

/**
 * What an encoding is to be now that the server said which layers anybody wants; without a word, all are wanted. A layer that is
 * not wanted is not encoded. Spatial layers inside an encoding go from the top: L3T3 becomes L2T3 at half the size. known is how
 * many there are when all are sent, as far as the server ever saw: a codec may have fewer than were planned.
 */
export function wantedEncoding(
  planned: Encoding,
  layers: readonly WantedLayer[] | undefined,
  known = 0,
): Encoding {
  const mine = layersOfEncoding(planned, layers);
  if (mine.length === 0) return { ...planned, active: true };
  const highest = Math.max(-1, ...mine.filter(({ wanted }) => wanted).map(({ spatial }) => spatial));
  const active = highest >= 0;
  const mode = planned.scalabilityMode;
  const count = mode === undefined ? 1 : spatialLayers(mode);
  const dropped = Math.max(known, mine.length) - 1 - highest;
  const left = Math.max(1, count - dropped);
  if (!active || mode === undefined || left === count) return { ...planned, active };
  const scale = 2 ** (count - left);
  return defined({
    ...planned,
    active,
    scalabilityMode: withSpatialLayers(mode, left),
    scaleResolutionDownBy: (planned.scaleResolutionDownBy ?? 1) * scale,
    maxBitrate: scaled(planned.maxBitrate, scale),
  });
}

/** What was said of the layers of one encoding. */
export function layersOfEncoding(
  { rid = '' }: Encoding,
  layers: readonly WantedLayer[] | undefined,
): readonly WantedLayer[] {
  return (layers ?? []).filter((layer) => (layer.rid ?? '') === rid);
}

/** How many spatial layers a scalability mode has: "L3T3_KEY" has three. */
export function spatialLayers(mode: string): number {
  return Number(/^[LS]([1-9])T[1-9]/.exec(mode)?.[1] ?? 1);
}

// One spatial layer depends on no other: the suffixes go.
function withSpatialLayers(mode: string, count: number): string {
  return mode.replace(/^([LS])[1-9](T[1-9])(.*)$/, (_, letter: string, temporal: string, suffix: string) =>
    count === 1 ? `L1${temporal}` : `${letter}${count}${temporal}${suffix}`,
  );
}

/** Changes encodings of a sender into those; says whether there was anything to change. */
export function follow(encodings: Encoding[], target: readonly Encoding[]): boolean {
  let changed = false;
  encodings.forEach((encoding, index) => {
    const rid = encoding.rid;
    const to = rid === undefined ? target[index] : target.find((each) => each.rid === rid);
    if (!to) return;
    const set = <K extends 'active' | 'maxBitrate' | 'scalabilityMode' | 'scaleResolutionDownBy'>(
      key: K,
      value: Encoding[K],
    ): void => {
      if (encoding[key] === value) return;
      if (value === undefined) delete encoding[key];
      else encoding[key] = value;
      changed = true;
    };
    set('active', to.active ?? true);
    set('maxBitrate', to.maxBitrate);
    if (to.scaleResolutionDownBy !== undefined || (encoding.scaleResolutionDownBy ?? 1) !== 1) {
      set('scaleResolutionDownBy', to.scaleResolutionDownBy ?? 1);
    }
    if (to.scalabilityMode !== undefined) set('scalabilityMode', to.scalabilityMode);
  });
  return changed;
}

function defined(encoding: Encoding): Encoding {
  return Object.fromEntries(Object.entries(encoding).filter(([, value]) => value !== undefined));
}
