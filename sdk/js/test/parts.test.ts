import { describe, expect, it, vi } from 'vitest';
import packageFile from '../package.json' with { type: 'json' };
import { Channel } from '../src/channel.js';
import { signalURL } from '../src/connect.js';
import { explain, list } from '../src/devices.js';
import { Emitter } from '../src/emitter.js';
import { TertuliaError } from '../src/errors.js';
import { clientName } from '../src/protocol.js';
import type { RemoteTrack } from '../src/remote-stream.js';
import { wantedOf } from '../src/room.js';
import { orderCodecs, slotCodecs } from '../src/transport.js';

describe('Emitter', () => {
  it('calls listeners until told to stop', () => {
    const emitter = new Emitter<{ hello: (name: string) => void }>();
    const heard: string[] = [];
    const off = emitter.on('hello', (name) => heard.push(`on ${name}`));
    emitter.once('hello', (name) => heard.push(`once ${name}`));
    emitter.emit('hello', 'Ana');
    emitter.emit('hello', 'Ben');
    off();
    emitter.emit('hello', 'Eva');
    expect(heard).toEqual(['on Ana', 'once Ana', 'on Ben']);
  });

  it('goes on after a listener that throws, and reports it', () => {
    vi.useFakeTimers();
    const emitter = new Emitter<{ hello: () => void }>();
    const second = vi.fn();
    emitter.on('hello', () => {
      throw new Error('of the application');
    });
    emitter.on('hello', second);
    emitter.emit('hello');
    expect(second).toHaveBeenCalledOnce();
    expect(() => vi.runAllTimers()).toThrow('of the application');
    vi.useRealTimers();
  });
});

describe('signalURL', () => {
  it.each([
    ['https://meet.example.org', 'wss://meet.example.org/v1/signal'],
    ['http://127.0.0.1:8080/', 'ws://127.0.0.1:8080/v1/signal'],
    ['wss://[::1]:8443/calls/', 'wss://[::1]:8443/calls/v1/signal'],
  ])('%s', (url, signal) => expect(signalURL(url)).toBe(signal));

  it.each(['', 'meet.example.org', 'ftp://example.org', '//'])('refuses "%s"', (url) =>
    expect(() => signalURL(url)).toThrow(TertuliaError),
  );
});

it('names itself as the package does', () => {
  expect(clientName).toBe(`tertulia-js/${packageFile.version}`);
});

describe('explain', () => {
  const error = (name: string): Error => Object.assign(new Error('why'), { name });

  it.each([
    ['NotAllowedError', 'permission-denied'],
    ['SecurityError', 'permission-denied'],
    ['NotFoundError', 'device-missing'],
    ['OverconstrainedError', 'device-missing'],
    ['NotReadableError', 'device-busy'],
    ['AbortError', 'device-busy'],
    ['SomethingNewError', 'device-busy'],
  ])('%s of a camera: %s', (name, code) => {
    const explained = explain(error(name), { video: true });
    expect(explained.code).toBe(code);
    expect(explained.message).toContain('camera');
    expect(explained.message).not.toContain('microphone');
  });

  it('says what was wanted', () => {
    expect(explain(error('NotFoundError'), { audio: true, video: true }).message).toBe(
      'No camera or microphone was found.',
    );
    expect(explain(error('NotAllowedError'), 'screen').code).toBe('cancelled');
  });
});

it('lists devices by kind and names the nameless', () => {
  const found = list([
    { deviceId: 'a', kind: 'audioinput', label: '' },
    { deviceId: 'b', kind: 'videoinput', label: 'FaceTime' },
    { deviceId: 'c', kind: 'audioinput', label: '' },
  ]);
  expect(found.microphones.map(({ label }) => label)).toEqual(['Microphone 1', 'Microphone 2']);
  expect(found.cameras).toEqual([{ id: 'b', kind: 'videoinput', label: 'FaceTime' }]);
  expect(found.named).toBe(true);
});

it('puts the room’s codecs first, in its order, and keeps the others', () => {
  const codecs = ['video/rtx', 'video/H264', 'video/VP9', 'video/VP8', 'video/H264', 'video/red'].map(
    (mimeType, n) => ({ mimeType, n }),
  );
  expect(orderCodecs(codecs, ['vp8', 'H264', 'opus']).map(({ n }) => n)).toEqual([3, 1, 4, 0, 2, 5]);
});

it('keeps the codecs of slots that the server forwards', () => {
  const h264 = 'level-asymmetry-allowed=1;packetization-mode=';
  const codecs = [
    ['video/VP8'],
    ['video/rtx'],
    ['video/VP9', 'profile-id=0'],
    ['video/VP9', 'profile-id=2'],
    ['video/VP9', 'max-fs=12288;max-fr=60'],
    ['video/H264', `${h264}1;profile-level-id=42e01f`],
    ['video/H264', `${h264}0;profile-level-id=42e01f`],
    ['video/H264', `${h264}1;profile-level-id=f4001f`],
    ['video/AV1', 'level-idx=5;profile=0;tier=0'],
    ['video/AV1', 'level-idx=5;profile=1;tier=0'],
    ['video/AV1'],
    ['video/red'],
    ['video/flexfec-03', 'repair-window=10000000'],
    ['audio/opus', 'minptime=10;useinbandfec=1'],
    ['audio/red', '111/111'],
    ['audio/CN'],
  ].map(([mimeType = '', sdpFmtpLine], n) => ({ mimeType, ...(sdpFmtpLine && { sdpFmtpLine }), n }));
  expect(slotCodecs(codecs).map(({ n }) => n)).toEqual([0, 1, 2, 4, 5, 8, 10, 13, 14]);
});

describe('wantedOf', () => {
  const track = (id: string, kind: 'audio' | 'video') => ({ id, kind }) as RemoteTrack;
  const stream = { tracks: [track('a1', 'audio'), track('v1', 'video')], hasData: true };

  it.each([
    [{}, { tracks: undefined, data: true }],
    [{ video: false }, { tracks: ['a1'], data: true }],
    [
      { audio: false, video: false },
      { tracks: [], data: true },
    ],
    [
      { tracks: ['v1'], data: false },
      { tracks: ['v1'], data: false },
    ],
  ])('%j', (options, wanted) => expect(wantedOf(stream, options)).toEqual(wanted));

  it('of a stream of data asks for no tracks in particular', () => {
    expect(wantedOf({ tracks: [], hasData: true }, {})).toEqual({ tracks: undefined, data: true });
  });
});

describe('Channel', () => {
  const fake = (readyState = 'connecting') => {
    const sent: (string | ArrayBuffer)[] = [];
    const channel = {
      readyState,
      bufferedAmount: 0,
      sent,
      send: (data: string | ArrayBuffer) => sent.push(data),
      close: vi.fn(),
      onopen: () => {},
      onclose: () => {},
      onmessage: (_event: { data: unknown }) => {},
    };
    return channel;
  };
  const attach = (channel: Channel, carrier: ReturnType<typeof fake>): void =>
    channel.attach(carrier as unknown as RTCDataChannel);

  it('keeps messages until it is open, as they were', () => {
    const channel = new Channel('chat', {}, true);
    const carrier = fake();
    const bytes = new Uint8Array([1, 2, 3]);
    channel.send('first');
    channel.send(bytes.subarray(1));
    bytes.fill(9);
    expect(channel.bufferedAmount).toBe(7);
    attach(channel, carrier);
    expect(carrier.sent).toEqual([]);
    carrier.readyState = 'open';
    carrier.onopen();
    expect(carrier.sent[0]).toBe('first');
    expect(new Uint8Array(carrier.sent[1] as ArrayBuffer)).toEqual(new Uint8Array([2, 3]));
    expect(channel.bufferedAmount).toBe(0);
    expect(channel.state).toBe('open');
  });

  it('goes on on another connection', () => {
    const channel = new Channel('chat', {}, true);
    const [one, two] = [fake('open'), fake('open')];
    const closed = vi.fn();
    channel.on('close', closed);
    attach(channel, one);
    channel.detach();
    channel.send('meanwhile');
    attach(channel, two);
    expect(two.sent).toEqual(['meanwhile']);
    expect(closed).not.toHaveBeenCalled();
    two.onclose();
    expect(closed).toHaveBeenCalledOnce();
    expect(() => channel.send('late')).toThrow('closed');
  });

  it('refuses what is too long, and receivers', () => {
    const channel = new Channel('chat', {}, true);
    expect(() => channel.send('é'.repeat(32_769))).toThrow('65538 bytes');
    expect(() => new Channel('chat', {}, false).send('x')).toThrow('publisher');
    for (let n = 0; n < 16; n++) channel.send(new Uint8Array(65_536));
    expect(() => channel.send('x')).toThrow('waits');
  });
});
