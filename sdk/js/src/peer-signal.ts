// What two participants of a peer-to-peer room tell each other by way of the server.

/** Which track a sender's m-section carries. */
export interface PeerTrack {
  readonly mid: string;
  readonly stream: number;
  readonly track: string;
}

/** A signal as docs/protocol.md of the server has it. */
export interface PeerSignal {
  /** Which of the sender's connections with the receiver it is about, from 1. */
  readonly connection: number;
  /** Which of the receiver's, as far as the sender has heard of one. */
  readonly peer?: number;
  readonly description?: { readonly type: 'offer' | 'answer'; readonly sdp: string };
  /** Number of the offer, or of the one that is answered. */
  readonly offer?: number;
  /** All that the sender sends. */
  readonly tracks?: readonly PeerTrack[];
  readonly candidates?: readonly RTCIceCandidateInit[];
}

/** The most that one signal can sensibly have. */
const maxTracks = 1024;
const maxCandidates = 256;

/** Reads what another participant said, who may say anything; undefined when it makes no sense. */
export function readSignal(data: unknown): PeerSignal | undefined {
  if (!isObject(data) || !isCount(data.connection) || data.connection === 0) return undefined;
  const { connection, peer, description, offer, tracks, candidates } = data;
  if (peer !== undefined && !isCount(peer)) return undefined;
  if (description !== undefined && !isDescription(description)) return undefined;
  if (description && !isCount(offer)) return undefined;
  if (tracks !== undefined && !isList(tracks, maxTracks, isTrack)) return undefined;
  if (candidates !== undefined && !isList(candidates, maxCandidates, isObject)) return undefined;
  return { connection, peer, description, offer: isCount(offer) ? offer : undefined, tracks, candidates };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isList<T>(value: unknown, most: number, is: (each: unknown) => each is T): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every(is);
}

function isDescription(value: unknown): value is { type: 'offer' | 'answer'; sdp: string } {
  return (
    isObject(value) && (value.type === 'offer' || value.type === 'answer') && typeof value.sdp === 'string'
  );
}

function isTrack(value: unknown): value is PeerTrack {
  return (
    isObject(value) &&
    typeof value.mid === 'string' &&
    isCount(value.stream) &&
    typeof value.track === 'string'
  );
}
