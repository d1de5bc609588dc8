import type { Channel } from './channel.js';
import { Emitter } from './emitter.js';
import type { JsonObject, Kind, Participant, Source, TrackState } from './words.js';

/** One medium of a remote stream. A changed track is a new object with the same id. */
export interface RemoteTrack {
  readonly id: string;
  readonly kind: Kind;
  readonly source: Source;
  /** Muted by its publisher, or by a moderator. */
  readonly muted: boolean;
  /** The codec's name, once known. */
  readonly codec: string | undefined;
  /** How its reception is. */
  readonly state: TrackState;
  /** A sentence that says why, for some states. */
  readonly reason: string | undefined;
  /** The browser's track while one is bound. */
  readonly mediaTrack: MediaStreamTrack | undefined;
}

/** Events of a {@link RemoteStream}. */
export interface RemoteStreamEvents {
  /** The browser's track of a track came or went, or its state changed. */
  track: (track: RemoteTrack) => void;
  /** The publisher opened a data channel. */
  channel: (channel: Channel) => void;
  /** Mute states or attributes changed; by is who did it, if not the publisher. */
  updated: (by: Participant | undefined) => void;
  /** The stream is no more. */
  ended: () => void;
}

/** What another participant publishes. */
export class RemoteStream extends Emitter<RemoteStreamEvents> {
  get id(): number {
    throw new Error('not yet');
  }
  /** Who publishes it. */
  get participant(): Participant {
    throw new Error('not yet');
  }
  get tracks(): readonly RemoteTrack[] {
    throw new Error('not yet');
  }
  get hasData(): boolean {
    throw new Error('not yet');
  }
  get attributes(): Readonly<JsonObject> {
    throw new Error('not yet');
  }
  /** For a video or audio element. The object stays the same; its tracks come and go. */
  get mediaStream(): MediaStream {
    throw new Error('not yet');
  }
  /** Open channels. */
  get channels(): readonly Channel[] {
    throw new Error('not yet');
  }
  get subscribed(): boolean {
    throw new Error('not yet');
  }
  get ended(): boolean {
    throw new Error('not yet');
  }
  /** Whether all tracks of the kind, or the track of that id, are muted; true if there is none. */
  muted(_track: Kind | string): boolean {
    throw new Error('not yet');
  }
}
