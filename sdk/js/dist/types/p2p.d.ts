import { type Carrier } from './carrier.js';
import type { Channel } from './channel.js';
import type { LocalStream, LocalTrack } from './local-stream.js';
import { Pair, type PairHost } from './pair.js';
import type { Events } from './protocol.js';
import type { RemoteStream } from './remote-stream.js';
import { type Heard } from './speaking.js';
/** What the peers need of their room. */
export interface PeersHost extends Pick<PairHost, 'request' | 'live' | 'configuration' | 'codecs'> {
    /** This participant's id. */
    me: () => string;
    streamsOf: (publisher: string) => readonly RemoteStream[];
    channel: (channel: RTCDataChannel, publisher: string) => void;
    /** Who speaks now, loudest first. */
    speakers: (speakers: Heard[]) => void;
    /** The network may have changed. */
    wake: () => void;
}
/** The connections of this participant in a peer-to-peer room. */
export declare class Peers {
    #private;
    constructor(host: PeersHost);
    get pairs(): ReadonlyMap<string, Pair>;
    /** Whether the network is there: of the connections that are to carry something, one does. */
    get connected(): boolean;
    /** Carries a stream to whoever subscribes to it. */
    carrier(): Carrier;
    publish(id: number, stream: LocalStream): void;
    unpublish(stream: LocalStream): void;
    replaced(id: number, track: LocalTrack): Promise<void>;
    open(channel: Channel, id: number): void;
    subscribed({ stream, participant, tracks, data }: Events['stream-subscribed']): void;
    unsubscribed({ stream, participant }: Events['stream-unsubscribed']): void;
    heard({ from, data }: Events['signal']): void;
    /** A participant is gone: for good, or until a server that was started again has it back. */
    left(participant: string): void;
    /** What is received of a participant, or wanted of it, may be something else now. */
    wants(participant: string): void;
    /** The signalling is back after a cut. */
    signallingBack(): void;
    /** The session was rebuilt; these participants are back already. Connections live on. */
    sessionRebuilt(present: Iterable<string>): void;
    /** A participant is back after the session was rebuilt, or after it counted as gone. */
    returned(participant: string): void;
    /** Ends all connections. */
    close(): void;
}
