// The native signalling as it is on the wire: docs/protocol.md of the server describes it.

import type { ServerErrorCode } from './errors.js';
import type { Json, JsonObject, Kind, Permission, RoomMode, Source } from './words.js';

/** Version of the signalling. */
export const protocolVersion = 1;

/** What the server's log calls us. */
export const clientName = 'tertulia-js/0.1.0';

/** Bytes of one WebSocket message. */
export const maxFrame = 512 << 10;

/** Bytes of the JSON of one message to others. */
export const maxMessage = 64 << 10;

/** Receiving slots of one transport, of each kind: Firefox connects no more than 128 m-sections in all. */
export const maxSlots = 60;

export interface Frame {
  seq?: number;
  ack?: number;
  type?: string;
  re?: number;
  data?: unknown;
}

export interface WireError {
  code: ServerErrorCode;
  message: string;
}

export interface WireTrack {
  id: string;
  kind: Kind;
  source: Source;
  muted?: boolean;
  codec?: string;
}

export interface WireStream {
  id: number;
  participant: string;
  tracks: WireTrack[] | null;
  data?: boolean;
  /** The id of the MediaStream at the publisher, if it says one. */
  label?: string;
  attributes?: JsonObject;
}

export interface WireParticipant {
  id: string;
  user: string;
  role: string;
  permissions?: Permission[];
  metadata?: JsonObject;
}

export interface WireRoom {
  id: string;
  name: string;
  mode?: RoomMode;
  metadata?: JsonObject;
  codecs: string[] | null;
}

export interface Joined {
  participant: WireParticipant;
  room: WireRoom;
  participants: WireParticipant[] | null;
  streams: WireStream[] | null;
  iceServers?: RTCIceServer[];
  resume: string;
  resumeWindow: number;
}

export interface PublishTrack extends WireTrack {
  /** Absent in a peer-to-peer room. */
  transport?: string;
  mid?: string;
}

export interface Publish {
  stream?: number;
  tracks?: PublishTrack[];
  data?: boolean;
  label?: string;
  attributes?: JsonObject;
}

/** Whether anybody has a use for one layer of a track. */
export interface WantedLayer {
  /** The simulcast encoding; absent when the track is sent as one. */
  rid?: string;
  spatial: number;
  wanted: boolean;
}

export interface WirePreference {
  stream: number;
  track: string;
  width: number;
  height: number;
  frameRate: number;
  maxBitrate: number;
  priority: number;
  paused: boolean;
  /** A layer to have whatever the link carries, counted from the smallest of the track. */
  pin?: { spatial: number; temporal: number };
  /** Milliseconds between two keyframes, where nothing else is wanted; 0: pictures move. */
  slideshow?: number;
  /** The spatial layer below which a link makes it a slideshow; 0: never. */
  slideshowBelow?: number;
}

export interface SubscribeTo {
  stream: number;
  /** Absent in a peer-to-peer room. */
  transport?: string;
  tracks?: string[];
  data?: boolean;
}

/** The client's requests and what answers them. */
export interface Requests {
  offer: [{ transport: string; sdp: string }, { sdp: string }];
  close: [{ transport: string }, unknown];
  publish: [Publish, { stream: number }];
  unpublish: [{ stream: number }, unknown];
  subscribe: [SubscribeTo, unknown];
  unsubscribe: [{ stream: number }, unknown];
  prefer: [WirePreference, unknown];
  mute: [{ stream: number; track: string; muted: boolean }, unknown];
  attributes: [{ stream: number; attributes: JsonObject }, unknown];
  metadata: [{ of: 'me' | 'room'; metadata: JsonObject }, unknown];
  message: [{ id: string; to?: string[]; stream?: number; data: Json }, unknown];
  signal: [{ to: string; data: unknown }, unknown];
  kick: [{ participant: string; reason?: string }, unknown];
  stats: [Record<string, never>, { transports: Json }];
  leave: [Record<string, never>, unknown];
}

/** The server's events. */
export interface Events {
  'participant-joined': WireParticipant;
  'participant-updated': WireParticipant;
  'participant-left': { participant: string; reason: string };
  'stream-published': WireStream;
  'stream-updated': { stream: WireStream; by?: string };
  'stream-unpublished': { stream: number };
  'stream-subscribed': { stream: number; participant: string; tracks?: string[]; data?: boolean };
  'stream-unsubscribed': { stream: number; participant: string };
  signal: { from: string; data: unknown };
  slots: { transport: string; slots: { mid: string; stream?: number; track?: string }[] };
  'slots-wanted': { transport: string; audio: number; video: number };
  subscription: {
    stream: number;
    track: string;
    state: string;
    codec?: string;
    reason?: string;
    cause?: string;
  };
  'layers-wanted': { stream: number; track: string; layers: WantedLayer[] | null };
  message: { id: string; to?: string[]; stream?: number; from: string; time: number; data: Json };
  speakers: { speakers: { stream: number; track: string; level: number }[] | null };
  'room-updated': WireRoom;
  transport: { transport: string; state: 'connected' | 'interrupted' | 'closed'; reason?: string };
  ended: { reason: string; message?: string };
}
