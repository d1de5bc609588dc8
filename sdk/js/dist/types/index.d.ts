/**
 * Tertulia in the browser: enter a room, publish and receive streams, exchange messages.
 *
 * @module
 */
export type { Attachment } from './attachment.js';
export { Channel, type ChannelEvents, type ChannelOptions } from './channel.js';
export { connect } from './connect.js';
export { checkSupport, type Device, type Devices, devices, onDeviceChange } from './devices.js';
export { Emitter, type Listeners } from './emitter.js';
export { type ErrorCode, type LocalErrorCode, type ServerErrorCode, TertuliaError } from './errors.js';
export { type CameraOptions, type FromOptions, LocalStream, type LocalStreamEvents, type LocalStreamOptions, type LocalTrack, type ScreenOptions, } from './local-stream.js';
export type { Preference } from './preference.js';
export { type AttachOptions, RemoteStream, type RemoteStreamEvents, type RemoteTrack, } from './remote-stream.js';
export { type ConnectOptions, Room, type RoomEvents, type Speaker, type SubscribeOptions, type TokenSource, } from './room.js';
export type { Layer, RoomStats, StreamStats, TrackStats } from './stats.js';
export type { EndReason, Json, JsonObject, Kind, LeaveReason, Message, Participant, PauseCause, Permission, Quality, QualityLevel, RoomMode, RoomState, Source, TrackState, } from './words.js';
