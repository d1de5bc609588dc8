import { describe, expect, it, vi } from 'vitest';
import {
  audioEncodings,
  type Encoding,
  follow,
  type Picture,
  spatialLayers,
  videoEncodings,
  wantedEncoding,
} from '../src/encodings.js';
import { Sending } from '../src/sending.js';
import { sendCodec } from '../src/transport.js';

const vp8 = { name: 'VP8', modes: ['L1T1', 'L1T2', 'L1T3'] };
const vp9 = { name: 'VP9', modes: ['L1T1', 'L1T3', 'L2T3_KEY', 'L3T3', 'L3T3_KEY'] };
const none = { name: 'VP8', modes: [] };
const camera = (width?: number, height?: number): Picture => ({ source: 'camera', width, height });

describe('videoEncodings', () => {
  it('sends a camera in three qualities', () => {
    expect(videoEncodings(camera(1280, 720), {}, vp8)).toEqual([
      { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
      { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 424_264, scalabilityMode: 'L1T3' },
      { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_200_000, scalabilityMode: 'L1T3' },
    ]);
  });

  it.each([
    [960, 540, 'q h f'],
    [540, 960, 'q h f'],
    [undefined, undefined, 'q h f'], // the device is released: it may be any
    [640, 480, 'h f'],
    [480, 270, 'h f'],
    [320, 240, ''],
  ])('%s×%s: %s', (width, height, layers) => {
    const encodings = videoEncodings(camera(width, height), {}, vp8);
    expect(encodings.map(({ rid }) => rid ?? '').join(' ')).toBe(layers);
    expect(encodings.at(-1)?.scaleResolutionDownBy ?? 1).toBe(1);
  });

  it('gives smaller cameras less, larger ones more, and the application the last word', () => {
    const most = (picture: Picture, options = {}): number | undefined =>
      videoEncodings(picture, options, vp8).at(-1)?.maxBitrate;
    expect(most(camera(640, 360))).toBe(424_264);
    expect(most(camera(1920, 1080))).toBe(2_204_541);
    expect(most(camera(3840, 2160))).toBe(2_500_000);
    expect(most(camera())).toBe(1_200_000);
    expect(most(camera(1280, 720), { maxVideoBitrate: 800_000 })).toBe(800_000);
    expect(most({ source: 'other', width: 640, height: 360 })).toBeUndefined();
  });

  it('sends VP9 and AV1 in spatial layers where the browser has them', () => {
    expect(videoEncodings(camera(1280, 720), {}, vp9)).toEqual([
      { maxBitrate: 1_200_000, scalabilityMode: 'L3T3_KEY' },
    ]);
    expect(videoEncodings(camera(1280, 720), {}, { name: 'AV1', modes: [] })).toEqual([
      { maxBitrate: 1_200_000 },
    ]);
    const simulcast = videoEncodings(camera(1280, 720), { simulcast: true }, vp9);
    expect(simulcast.map(({ rid, scalabilityMode }) => `${rid} ${scalabilityMode}`)).toEqual([
      'q L1T3',
      'h L1T3',
      'f L1T3',
    ]);
  });

  it('sends a screen in one quality', () => {
    const screen: Picture = { source: 'screen', width: 1920, height: 1080 };
    expect(videoEncodings(screen, {}, vp8)).toEqual([{ maxBitrate: 2_500_000, scalabilityMode: 'L1T3' }]);
    expect(videoEncodings(screen, { simulcast: true }, vp8)).toHaveLength(3);
  });

  it('asks for the usual modes where the browser does not say which it has', () => {
    const modes = (name: string, options = {}) =>
      videoEncodings(camera(1280, 720), options, { name, modes: undefined }).map(
        ({ scalabilityMode }) => scalabilityMode,
      );
    expect(modes('VP8')).toEqual(['L1T3', 'L1T3', 'L1T3']);
    expect(modes('AV1')).toEqual(['L3T3_KEY']);
    expect(modes('H264', { scalabilityMode: 'L3T3' })).toEqual(['L1T3']);
    expect(modes('')).toEqual([undefined, undefined, undefined]);
  });

  it('does as the application says', () => {
    expect(videoEncodings(camera(1280, 720), { simulcast: false }, none)).toEqual([
      { maxBitrate: 1_200_000 },
    ]);
    expect(videoEncodings(camera(1280, 720), { scalabilityMode: 'L3T3' }, vp9)).toEqual([
      { maxBitrate: 1_200_000, scalabilityMode: 'L3T3' },
    ]);
    // A mode that the encoder does not have is not asked for.
    expect(videoEncodings(camera(1280, 720), { scalabilityMode: 'L3T3' }, vp8)).toEqual([
      { maxBitrate: 1_200_000, scalabilityMode: 'L1T3' },
    ]);
    const flat = videoEncodings(camera(1280, 720), { scalabilityMode: 'L1T2' }, vp8);
    expect(flat.map(({ scalabilityMode }) => scalabilityMode)).toEqual(['L1T2', 'L1T2', 'L1T2']);
  });

  it('bounds audio', () => {
    expect(audioEncodings(undefined)).toEqual([{}]);
    expect(audioEncodings(32_000)).toEqual([{ maxBitrate: 32_000 }]);
  });
});

describe('wantedEncoding', () => {
  const svc: Encoding = { scalabilityMode: 'L3T3_KEY', maxBitrate: 1_200_000 };
  const layers = (...wanted: boolean[]) => wanted.map((each, spatial) => ({ spatial, wanted: each }));

  it('switches simulcast encodings', () => {
    const said = [
      { rid: 'q', spatial: 0, wanted: true },
      { rid: 'f', spatial: 0, wanted: false },
    ];
    expect(wantedEncoding({ rid: 'q' }, said)).toEqual({ rid: 'q', active: true });
    expect(wantedEncoding({ rid: 'f' }, said)).toEqual({ rid: 'f', active: false });
    // What was not spoken of is wanted.
    expect(wantedEncoding({ rid: 'h' }, said)).toEqual({ rid: 'h', active: true });
    expect(wantedEncoding({ rid: 'f' }, undefined)).toEqual({ rid: 'f', active: true });
  });

  it('takes spatial layers from the top, with the pixels that they had', () => {
    expect(wantedEncoding(svc, layers(true, true, true))).toEqual({ ...svc, active: true });
    expect(wantedEncoding(svc, layers(true, true, false))).toEqual({
      active: true,
      scalabilityMode: 'L2T3_KEY',
      scaleResolutionDownBy: 2,
      maxBitrate: 424_264,
    });
    expect(wantedEncoding(svc, layers(true, false, false))).toEqual({
      active: true,
      scalabilityMode: 'L1T3',
      scaleResolutionDownBy: 4,
      maxBitrate: 150_000,
    });
    // A layer below a wanted one is needed for it.
    expect(wantedEncoding(svc, layers(false, false, true)).scalabilityMode).toBe('L3T3_KEY');
    expect(wantedEncoding(svc, layers(false, false, false)).active).toBe(false);
    expect(wantedEncoding({ scalabilityMode: 'L1T3' }, layers(true)).scalabilityMode).toBe('L1T3');
    expect(wantedEncoding({ scalabilityMode: 'L3T3' }, layers(true, true, false)).scalabilityMode).toBe(
      'L2T3',
    );
    // A codec without spatial layers has one, which is the whole picture.
    expect(wantedEncoding(svc, layers(true))).toEqual({ ...svc, active: true });
    // Nor does a layer that was let go come back because nobody speaks of it any more.
    expect(wantedEncoding(svc, layers(true, true), 3).scalabilityMode).toBe('L2T3_KEY');
  });

  it('counts spatial layers', () => {
    expect(['L1T3', 'L3T3_KEY', 'S2T1', 'nonsense'].map(spatialLayers)).toEqual([1, 3, 2, 1]);
  });
});

describe('follow', () => {
  it('says whether there is anything to change', () => {
    const encodings: Encoding[] = [
      { rid: 'q', active: true, scaleResolutionDownBy: 4 },
      { rid: 'f', active: true, scaleResolutionDownBy: 1 },
    ];
    const all: Encoding[] = [
      { rid: 'f', active: true },
      { rid: 'q', active: true, scaleResolutionDownBy: 4 },
    ];
    expect(follow(encodings, all)).toBe(false);
    expect(follow(encodings, [{ rid: 'f', active: false, maxBitrate: 5 }])).toBe(true);
    expect(encodings).toEqual([
      { rid: 'q', active: true, scaleResolutionDownBy: 4 },
      { rid: 'f', active: false, scaleResolutionDownBy: 1, maxBitrate: 5 },
    ]);
    expect(follow(encodings, all)).toBe(true);
    expect(encodings[1]).toEqual({ rid: 'f', active: true, scaleResolutionDownBy: 1 });
  });
});

describe('sendCodec', () => {
  const codecs = [
    { mimeType: 'video/VP8', scalabilityModes: ['L1T3'] },
    { mimeType: 'video/rtx' },
    { mimeType: 'video/H264', scalabilityModes: ['L1T1'] },
    { mimeType: 'video/H264', scalabilityModes: ['L1T1', 'L1T2'] },
  ];
  it.each([
    [['H264', 'VP8'], 'H264', 'L1T1 L1T2'],
    [['AV1', 'vp8'], 'VP8', 'L1T3'],
    [[], 'VP8', 'L1T3'],
  ])('%s: %s', (names, name, modes) => {
    const codec = sendCodec(codecs, names);
    expect([codec.name, codec.modes?.join(' ')]).toEqual([name, modes]);
  });
  it('knows nothing of an old browser', () =>
    expect(sendCodec([], ['VP8'])).toEqual({ name: '', modes: undefined }));
});

describe('Sending', () => {
  /** A sender that takes one change at a time, and some time for it. */
  function sender(encodings: Encoding[], refuses: (encoding: Encoding) => boolean = () => false) {
    let now = encodings;
    let busy = false;
    const made: string[] = [];
    return {
      made,
      get now() {
        return now;
      },
      getParameters: () => ({ encodings: now.map((encoding) => ({ ...encoding })) }),
      setParameters: vi.fn(async (parameters: { encodings: Encoding[] }) => {
        if (busy) throw new Error('InvalidStateError: two changes at once');
        if (parameters.encodings.some(refuses)) throw new Error('InvalidModificationError');
        busy = true;
        await Promise.resolve();
        busy = false;
        now = parameters.encodings;
        made.push(now.map(({ active }) => (active ? '1' : '0')).join(''));
      }),
    };
  }
  const three: Encoding[] = [{ rid: 'q', active: true }, { rid: 'h', active: true }, { rid: 'f', active: true }]; // prettier-ignore
  const sendingOf = (fake: ReturnType<typeof sender>, planned: Encoding[]): Sending =>
    new Sending({ mid: '0', sender: fake } as unknown as RTCRtpTransceiver, planned);
  const wanted = (q: boolean, h: boolean, f: boolean) => [
    { rid: 'q', spatial: 0, wanted: q },
    { rid: 'h', spatial: 0, wanted: h },
    { rid: 'f', spatial: 0, wanted: f },
  ];
  const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

  it('stops what nobody wants, and starts it again; the last word counts', async () => {
    const fake = sender(three);
    const sending = sendingOf(fake, three);
    sending.want(wanted(true, true, false));
    sending.want(wanted(true, false, false));
    sending.want(wanted(true, true, true));
    sending.want(wanted(true, false, true));
    await settled();
    expect(fake.now.map(({ active }) => active)).toEqual([true, false, true]);
    expect(fake.made.length).toBeLessThanOrEqual(2);
    sending.want(wanted(true, true, true));
    await settled();
    expect(fake.made.at(-1)).toBe('111');
    sending.want(wanted(true, true, true));
    await settled();
    expect(fake.setParameters).toHaveBeenCalledTimes(fake.made.length); // nothing new: nothing is asked for
  });

  it('does without a mode that the codec does not have', async () => {
    const fake = sender([{ active: true, scalabilityMode: 'L1T2' }], (encoding) => /^L[23]/.test(encoding.scalabilityMode ?? '')); // prettier-ignore
    const sending = sendingOf(fake, [{ scalabilityMode: 'L3T3_KEY', maxBitrate: 9 }]);
    sending.want([{ spatial: 0, wanted: false }]);
    await settled();
    expect(fake.now).toEqual([{ active: false, scalabilityMode: 'L1T2', maxBitrate: 9 }]);
  });

  it('sends the largest where simulcast was declined', async () => {
    const fake = sender([{ active: true, scaleResolutionDownBy: 4 }]);
    const planned = [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 7 }]; // prettier-ignore
    await sendingOf(fake, planned).apply();
    expect(fake.now).toEqual([{ active: true, scaleResolutionDownBy: 1, maxBitrate: 7 }]);
  });
});
