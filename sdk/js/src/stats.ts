import type { LocalStream } from './local-stream.js';
import type { RemoteStream } from './remote-stream.js';
import type { Json, Kind, Quality, QualityLevel } from './words.js';

/** What the server forwards of a track now. */
export interface Layer {
  /** The simulcast encoding, if there are several. */
  readonly rid?: string;
  readonly spatial: number;
  readonly temporal: number;
  /** Pixels, once known. */
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  /** bit/s */
  readonly bitrate?: number;
  /** A word for why it is this layer and no better one, such as `top-layer`, `wanted-size` or `bandwidth`. */
  readonly reason?: string;
}

/**
 * What is known of one track in one direction; a track that is sent in several encodings, or to several participants, has
 * one for each. Rates are since the previous call.
 */
export interface TrackStats {
  readonly track: string;
  /** In a peer-to-peer room, the id of the participant at the other end. */
  readonly participant?: string;
  readonly kind: Kind;
  /** The simulcast encoding, of those that are sent. */
  readonly rid: string | undefined;
  /** What the server forwards; of received tracks, and if the server was asked. */
  readonly layer?: Layer | undefined;
  /** "VP8", "opus"… */
  readonly codec: string | undefined;
  /** bit/s */
  readonly bitrate: number;
  readonly bytes: number;
  readonly packets: number;
  readonly packetsLost: number;
  /** Share of packets lost since the previous call, 0…1. */
  readonly loss: number;
  /** Seconds. */
  readonly jitter: number | undefined;
  readonly rtt: number | undefined;
  /** Frames encoded or decoded. */
  readonly frames: number;
  readonly fps: number | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly freezes: number;
  /** Seconds in all. */
  readonly freezeDuration: number;
  readonly nacks: number;
  readonly keyframeRequests: number;
  readonly retransmitted: number;
}

/** What is known of one stream. */
export interface StreamStats<Stream> {
  readonly stream: Stream;
  readonly tracks: readonly TrackStats[];
}

/** What is known of the room's connection; in a peer-to-peer room, of all connections: rates add up, of delays the longest counts. */
export interface RoomStats {
  /** When, milliseconds since 1970. */
  readonly time: number;
  readonly quality: Quality;
  readonly rtt: number | undefined;
  readonly bitrateIn: number;
  readonly bitrateOut: number;
  /** What the browser believes it can send, bit/s. */
  readonly availableOut: number | undefined;
  /** "udp" or "tcp" */
  readonly protocol: string | undefined;
  readonly local: readonly StreamStats<LocalStream>[];
  readonly remote: readonly StreamStats<RemoteStream>[];
  /** The browser's own report; in a peer-to-peer room of all connections, where ids begin with that of the participant. */
  readonly raw: RTCStatsReport;
  /** What the server counts, if asked for. */
  readonly server: Json | undefined;
}

// What is read of the browser's report: the same names in all browsers, but not all of them in each.
interface RawStats {
  id: string;
  type: string;
  timestamp: number;
  kind?: Kind;
  mid?: string;
  rid?: string;
  ssrc?: number;
  trackIdentifier?: string;
  mediaSourceId?: string;
  remoteId?: string;
  localId?: string;
  codecId?: string;
  mimeType?: string;
  bytesSent?: number;
  bytesReceived?: number;
  packetsSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  jitter?: number;
  roundTripTime?: number;
  currentRoundTripTime?: number;
  availableOutgoingBitrate?: number;
  framesEncoded?: number;
  framesDecoded?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
  freezeCount?: number;
  totalFreezesDuration?: number;
  nackCount?: number;
  pliCount?: number;
  firCount?: number;
  retransmittedPacketsSent?: number;
  retransmittedPacketsReceived?: number;
  selectedCandidatePairId?: string;
  localCandidateId?: string;
  selected?: boolean;
  nominated?: boolean;
  state?: string;
  protocol?: string;
}

/** One RTP stream of a report, with the names by which its track can be found. */
export interface MeasuredTrack extends Omit<TrackStats, 'track' | 'participant'> {
  readonly direction: 'in' | 'out';
  readonly mid: string | undefined;
  /** Id of the browser's track. */
  readonly mediaTrack: string | undefined;
}

/** What a report says, with rates since the one before. */
export interface Measurement {
  readonly tracks: readonly MeasuredTrack[];
  readonly rtt: number | undefined;
  readonly bitrateIn: number;
  readonly bitrateOut: number;
  readonly availableOut: number | undefined;
  readonly protocol: string | undefined;
  readonly lossIn: number;
  readonly lossOut: number;
  /** Freezes since the report before. */
  readonly freezes: number;
}

interface Totals {
  time: number;
  bytes: number;
  packets: number;
  lost: number;
  frames: number;
  freezes: number;
}

/** Reads reports one after another; it is told their time by their timestamps. */
export class Meter {
  #before = new Map<string, Totals>();

  read(report: Iterable<readonly [string, unknown]>): Measurement {
    const byId = new Map<string, RawStats>();
    for (const [id, stats] of report) byId.set(id, stats as RawStats);
    const all = [...byId.values()];
    const after = new Map<string, Totals>();
    const sum = { in: newSum(), out: newSum() };
    let freezes = 0;
    const tracks: MeasuredTrack[] = [];

    for (const stats of all) {
      const direction =
        stats.type === 'inbound-rtp' ? 'in' : stats.type === 'outbound-rtp' ? 'out' : undefined;
      if (!direction || !stats.kind) continue;
      const remote = this.#remoteOf(stats, byId, all);
      const totals: Totals = {
        time: stats.timestamp,
        bytes: (direction === 'in' ? stats.bytesReceived : stats.bytesSent) ?? 0,
        packets: (direction === 'in' ? stats.packetsReceived : stats.packetsSent) ?? 0,
        lost: Math.max(0, (direction === 'in' ? stats.packetsLost : remote?.packetsLost) ?? 0),
        frames: (direction === 'in' ? stats.framesDecoded : stats.framesEncoded) ?? 0,
        freezes: stats.freezeCount ?? 0,
      };
      after.set(stats.id, totals);
      const before = this.#before.get(stats.id) ?? { ...totals, time: totals.time };
      const seconds = (totals.time - before.time) / 1000;
      const since = (key: keyof Totals): number => Math.max(0, totals[key] - before[key]);
      const packets = since('packets');
      const lost = since('lost');
      const bitrate = seconds > 0 ? (since('bytes') * 8) / seconds : 0;
      sum[direction].bitrate += bitrate;
      sum[direction].packets += packets;
      sum[direction].lost += lost;
      freezes += since('freezes');
      const source = byId.get(stats.mediaSourceId ?? '');
      tracks.push({
        direction,
        mid: stats.mid,
        mediaTrack: stats.trackIdentifier ?? source?.trackIdentifier,
        kind: stats.kind,
        rid: stats.rid,
        codec: byId.get(stats.codecId ?? '')?.mimeType?.replace(/^.*\//, ''),
        bitrate,
        bytes: totals.bytes,
        packets: totals.packets,
        packetsLost: totals.lost,
        loss: share(lost, packets, direction),
        jitter: direction === 'in' ? stats.jitter : remote?.jitter,
        rtt: remote?.roundTripTime,
        frames: totals.frames,
        fps:
          stats.framesPerSecond ??
          (stats.kind === 'video' && seconds > 0 ? since('frames') / seconds : undefined),
        width: stats.frameWidth,
        height: stats.frameHeight,
        freezes: totals.freezes,
        freezeDuration: stats.totalFreezesDuration ?? 0,
        nacks: stats.nackCount ?? 0,
        keyframeRequests: (stats.pliCount ?? 0) + (stats.firCount ?? 0),
        retransmitted: stats.retransmittedPacketsSent ?? stats.retransmittedPacketsReceived ?? 0,
      });
    }
    this.#before = after;

    const pair = selectedPair(all, byId);
    return {
      tracks,
      rtt: pair?.currentRoundTripTime ?? tracks.find((track) => track.rtt !== undefined)?.rtt,
      bitrateIn: sum.in.bitrate,
      bitrateOut: sum.out.bitrate,
      availableOut: pair?.availableOutgoingBitrate,
      protocol: byId.get(pair?.localCandidateId ?? '')?.protocol,
      lossIn: share(sum.in.lost, sum.in.packets, 'in'),
      lossOut: share(sum.out.lost, sum.out.packets, 'out'),
      freezes,
    };
  }

  // What the other side reports on what we send.
  #remoteOf(stats: RawStats, byId: Map<string, RawStats>, all: RawStats[]): RawStats | undefined {
    if (stats.remoteId) return byId.get(stats.remoteId);
    return all.find((each) => each.type === 'remote-inbound-rtp' && each.localId === stats.id);
  }
}

function newSum(): { bitrate: number; packets: number; lost: number } {
  return { bitrate: 0, packets: 0, lost: 0 };
}

// Of packets received, those lost come on top; of packets sent, they are among them.
function share(lost: number, packets: number, direction: 'in' | 'out'): number {
  const all = direction === 'in' ? packets + lost : packets;
  return all > 0 ? Math.min(1, lost / all) : 0;
}

function selectedPair(all: RawStats[], byId: Map<string, RawStats>): RawStats | undefined {
  const transport = all.find((each) => each.type === 'transport' && each.selectedCandidatePairId);
  return (
    byId.get(transport?.selectedCandidatePairId ?? '') ??
    all.find((each) => each.type === 'candidate-pair' && each.selected) ??
    all.find((each) => each.type === 'candidate-pair' && each.nominated && each.state === 'succeeded')
  );
}

/** The network indicator for what was measured. */
export function assess(
  measured: Pick<Measurement, 'rtt' | 'lossIn' | 'lossOut' | 'freezes'>,
  connected: boolean,
): Quality {
  const { rtt, lossIn, lossOut, freezes } = measured;
  const loss = Math.max(lossIn, lossOut);
  let level: QualityLevel = 4;
  if (!connected) level = 0;
  else if (loss > 0.12 || (rtt ?? 0) > 0.8) level = 1;
  else if (loss > 0.05 || (rtt ?? 0) > 0.4 || freezes > 0) level = 2;
  else if (loss > 0.015 || (rtt ?? 0) > 0.2) level = 3;
  return { level, rtt, lossIn, lossOut };
}
