import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Transport, type TransportHost } from '../src/transport.js';
import { FakePeerConnection } from './fake-peers.js';

beforeEach(() => {
  vi.stubGlobal('RTCPeerConnection', FakePeerConnection);
  vi.stubGlobal('RTCRtpReceiver', {});
});
afterEach(() => vi.unstubAllGlobals());

it.each(['unavailable', 'too-fast'])('a transport offers again what was refused as %s', async (code) => {
  const refused: unknown[] = [];
  let transport: Transport | undefined = undefined;
  const host = {
    request: async () => {
      if (refused.length === 0) {
        refused.push(code);
        throw Object.assign(new Error('Not now.'), { code });
      }
      return { sdp: transport!.pc.localDescription!.sdp };
    },
    live: () => true,
    channel: () => {},
    changed: () => {},
    lost: () => {},
  } as unknown as TransportHost;
  transport = new Transport('main', {}, host);
  transport.needData();
  transport.start([], undefined);
  await transport.answered();
  const pc = transport.pc as unknown as FakePeerConnection;
  expect(refused).toEqual([code]);
  expect(pc.signalingState).toBe('stable');
  expect(pc.sctp).not.toBeNull();
  transport.close();
});
