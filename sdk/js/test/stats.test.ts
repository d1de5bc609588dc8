import { describe, expect, it } from 'vitest';
import { assess, Meter } from '../src/stats.js';

// The members that Chromium and Firefox have in common, of a call of one video each way.
function report(seconds: number, lost = 0): Map<string, unknown> {
  const timestamp = 1_000_000 + seconds * 1000;
  return new Map<string, unknown>(
    [
      { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
      {
        id: 'P',
        type: 'candidate-pair',
        currentRoundTripTime: 0.03,
        availableOutgoingBitrate: 900_000,
        localCandidateId: 'L',
      },
      { id: 'L', type: 'local-candidate', protocol: 'udp' },
      { id: 'C', type: 'codec', mimeType: 'video/VP8' },
      { id: 'S', type: 'media-source', trackIdentifier: 'camera' },
      {
        id: 'O',
        type: 'outbound-rtp',
        kind: 'video',
        timestamp,
        mid: '8',
        mediaSourceId: 'S',
        remoteId: 'R',
        codecId: 'C',
        bytesSent: 100_000 * seconds,
        packetsSent: 100 * seconds,
        framesEncoded: 30 * seconds,
        frameWidth: 640,
        frameHeight: 360,
        nackCount: 2,
        pliCount: 1,
      },
      {
        id: 'R',
        type: 'remote-inbound-rtp',
        kind: 'video',
        packetsLost: lost,
        jitter: 0.002,
        roundTripTime: 0.04,
      },
      {
        id: 'I',
        type: 'inbound-rtp',
        kind: 'video',
        timestamp,
        mid: '4',
        trackIdentifier: 'slot',
        codecId: 'C',
        bytesReceived: 50_000 * seconds,
        packetsReceived: 90 * seconds,
        packetsLost: lost,
        framesDecoded: 25 * seconds,
        framesPerSecond: 25,
        freezeCount: lost > 0 ? 1 : 0,
      },
    ].map((stats) => [stats.id, stats]),
  );
}

describe('Meter', () => {
  it('gives rates between two reports', () => {
    const meter = new Meter();
    expect(meter.read(report(1)).bitrateIn).toBe(0);
    const { tracks, ...all } = meter.read(report(3, 20));
    expect(all).toEqual({
      rtt: 0.03,
      bitrateIn: 400_000,
      bitrateOut: 800_000,
      availableOut: 900_000,
      protocol: 'udp',
      lossIn: 0.1,
      lossOut: 0.1,
      freezes: 1,
    });
    const [sent, received] = tracks;
    expect(sent).toMatchObject({
      direction: 'out',
      mid: '8',
      mediaTrack: 'camera',
      codec: 'VP8',
      fps: 30,
      rtt: 0.04,
    });
    expect(received).toMatchObject({
      direction: 'in',
      mid: '4',
      mediaTrack: 'slot',
      fps: 25,
      packetsLost: 20,
    });
  });

  it('lives with an empty report', () => {
    expect(new Meter().read([])).toMatchObject({ tracks: [], bitrateIn: 0, lossIn: 0, rtt: undefined });
  });
});

describe('assess', () => {
  const fine = { rtt: 0.03, lossIn: 0, lossOut: 0, freezes: 0 };
  it.each([
    [fine, true, 4],
    [fine, false, 0],
    [{ ...fine, lossIn: 0.03 }, true, 3],
    [{ ...fine, rtt: 0.3 }, true, 3],
    [{ ...fine, freezes: 1 }, true, 2],
    [{ ...fine, lossOut: 0.08 }, true, 2],
    [{ ...fine, lossOut: 0.3 }, true, 1],
    [{ ...fine, rtt: undefined }, true, 4],
  ])('%j, connected %s: %i', (measured, connected, level) =>
    expect(assess(measured, connected).level).toBe(level),
  );
});
