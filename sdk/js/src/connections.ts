// Statistics of all connections of a room together: one with the server, or one with each other participant.

import type { Publication } from './publication.js';
import type { RemoteStream } from './remote-stream.js';
import { type Measurement, Meter, type TrackStats } from './stats.js';

/** A connection, with where on it a track is. */
export interface Connection {
  readonly pc: RTCPeerConnection;
  /** The other side, if it is a participant. */
  readonly participant?: string;
  readonly sentMid: (publication: Publication, track: string) => string | undefined;
  readonly receivedMid: (stream: RemoteStream, track: string) => string | undefined;
}

/** What the reports of all connections say. */
export interface Measured extends Omit<Measurement, 'tracks'> {
  readonly raw: RTCStatsReport;
  /** Statistics of an own track; mediaTrack is the browser's. */
  readonly sent: (publication: Publication, track: string, mediaTrack: string | undefined) => TrackStats[];
  readonly received: (stream: RemoteStream, track: string, mediaTrack: string) => TrackStats[];
}

/** Reads the reports of connections again and again; rates are since the time before. */
export class Meters {
  readonly #meters = new WeakMap<RTCPeerConnection, Meter>();

  async read(connections: readonly Connection[]): Promise<Measured> {
    const parts = await Promise.all(
      connections.map(async (connection) => {
        const raw = await connection.pc.getStats();
        let meter = this.#meters.get(connection.pc);
        if (!meter) this.#meters.set(connection.pc, (meter = new Meter()));
        return { connection, raw, measurement: meter.read(raw as unknown as Report) };
      }),
    );
    const tracks = (
      direction: 'in' | 'out',
      track: string,
      midOn: (connection: Connection) => string | undefined,
      mediaTrack: string | undefined,
    ): TrackStats[] =>
      parts.flatMap(({ connection, measurement }) => {
        const mid = midOn(connection);
        const { participant } = connection;
        return measurement.tracks
          .filter((each) => each.direction === direction)
          .filter((each) =>
            each.mid !== undefined && mid !== undefined ? each.mid === mid : each.mediaTrack === mediaTrack,
          )
          .map((each) => {
            const { direction: _, mid: __, mediaTrack: ___, ...stats } = each;
            return participant === undefined ? { ...stats, track } : { ...stats, track, participant };
          });
      });
    return {
      ...together(parts.map(({ measurement }) => measurement)),
      raw: mergeReports(parts.map(({ connection, raw }) => [connection.participant, raw])),
      sent: (publication, track, mediaTrack) =>
        tracks('out', track, (connection) => connection.sentMid(publication, track), mediaTrack),
      received: (stream, track, mediaTrack) =>
        tracks('in', track, (connection) => connection.receivedMid(stream, track), mediaTrack),
    };
  }
}

type Report = Iterable<readonly [string, unknown]>;

/** What several connections are together: rates add up, of delay and loss the worst counts. */
export function together(all: readonly Omit<Measurement, 'tracks'>[]): Omit<Measurement, 'tracks'> {
  const sum = (of: (each: Omit<Measurement, 'tracks'>) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  const some = (of: (each: Omit<Measurement, 'tracks'>) => number | undefined): number[] =>
    all.map(of).filter((value) => value !== undefined);
  const rtts = some(({ rtt }) => rtt);
  const available = some(({ availableOut }) => availableOut);
  return {
    rtt: rtts.length > 0 ? Math.max(...rtts) : undefined,
    bitrateIn: sum(({ bitrateIn }) => bitrateIn),
    bitrateOut: sum(({ bitrateOut }) => bitrateOut),
    availableOut: available.length > 0 ? available.reduce((a, b) => a + b, 0) : undefined,
    protocol: all.find(({ protocol }) => protocol !== undefined)?.protocol,
    lossIn: Math.max(0, ...all.map(({ lossIn }) => lossIn)),
    lossOut: Math.max(0, ...all.map(({ lossOut }) => lossOut)),
    freezes: sum(({ freezes }) => freezes),
  };
}

/**
 * Makes one report of several. Each connection counts its ids for itself, so those of participants get the participant's
 * id in front, wherever they are named.
 */
export function mergeReports(
  reports: readonly (readonly [string | undefined, RTCStatsReport])[],
): RTCStatsReport {
  const [only] = reports;
  if (only && only[0] === undefined) return only[1];
  const merged = new Map<string, unknown>();
  for (const [participant, report] of reports) {
    for (const [id, stats] of report as unknown as Iterable<[string, Record<string, unknown>]>) {
      const own = Object.entries(stats).map(([name, value]) => [
        name,
        typeof value === 'string' && (name === 'id' || name.endsWith('Id'))
          ? `${participant} ${value}`
          : value,
      ]);
      merged.set(`${participant} ${id}`, Object.fromEntries(own));
    }
  }
  return merged as unknown as RTCStatsReport;
}
