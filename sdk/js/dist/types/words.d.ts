/** Anything that JSON can say. */
export type Json = null | boolean | number | string | Json[] | {
    [key: string]: Json;
};
/** An application's own JSON object: metadata of rooms and participants, attributes of streams. */
export type JsonObject = {
    [key: string]: Json;
};
/** What a track carries. */
export type Kind = 'audio' | 'video';
/** Where a track comes from. */
export type Source = 'camera' | 'microphone' | 'screen' | 'screen-audio' | 'other';
/** One thing that a role may do. */
export type Permission = 'publish-audio' | 'publish-video' | 'publish-screen' | 'publish-data' | 'subscribe' | 'record' | 'stats' | 'moderate';
/** One presence of a user in a room. A changed participant is a new object with the same id. */
export interface Participant {
    /** A UUID. */
    readonly id: string;
    /** The user that the token names. */
    readonly user: string;
    readonly role: string;
    /** Known of oneself only; empty for others. */
    readonly permissions: readonly Permission[];
    readonly metadata: Readonly<JsonObject>;
}
/** How media go in a room: through the server (`sfu`), or from participant to participant (`p2p`). */
export type RoomMode = 'sfu' | 'p2p';
/** How the room's connection is: `reconnecting` mends itself, `closed` is final. */
export type RoomState = 'connected' | 'reconnecting' | 'closed';
/**
 * Why a session ended: `left` (by leave), `kicked`, `timeout` (could not come back in time),
 * `room-deleted`, `replaced` (resumed elsewhere), `refused` (came back and was not let in), `error`.
 */
export type EndReason = 'left' | 'kicked' | 'timeout' | 'room-deleted' | 'replaced' | 'refused' | 'error';
/** Why another participant left. */
export type LeaveReason = 'left' | 'kicked' | 'timeout' | 'room-deleted' | 'error';
/** Application data from a participant. */
export interface Message {
    /** The sender's UUID for it. */
    readonly id: string;
    /** Who sent it, as far as known: the sender may have left. */
    readonly participant: Participant | undefined;
    /** The id of the participant who sent it. */
    readonly from: string;
    /** When the server took it. */
    readonly time: Date;
    /** Whether it was sent to some participants only. */
    readonly private: boolean;
    /** The id of the sender's stream that it belongs to, if it belongs to one. */
    readonly stream: number | undefined;
    readonly data: Json;
}
/**
 * How a subscribed track is: `waiting` for a slot or for the publisher's media, `active`, `paused` by the server for
 * now, or `codec-unsupported`, which this browser cannot decode. `none`: not subscribed.
 */
export type TrackState = 'none' | 'waiting' | 'active' | 'paused' | 'codec-unsupported';
/**
 * Why a track is paused: the network is too slow for any of it (`bandwidth`), nobody looks at it or the application said so
 * (`subscriber`), there is no place for it (`slots`), or it is audio that others drown out in a big room (`loudness`).
 */
export type PauseCause = 'bandwidth' | 'subscriber' | 'slots' | 'loudness';
/** A network indicator: 4 excellent, 3 good, 2 poor, 1 bad, 0 no connection. */
export type QualityLevel = 0 | 1 | 2 | 3 | 4;
/** The network as this participant has it. */
export interface Quality {
    readonly level: QualityLevel;
    /** Round trip to the server, seconds; in a peer-to-peer room the longest to another participant. */
    readonly rtt: number | undefined;
    /** Share of received packets lost lately, 0…1. */
    readonly lossIn: number;
    /** Share of sent packets lost lately, 0…1, as the server reports. */
    readonly lossOut: number;
}
