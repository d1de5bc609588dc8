import type { Channel } from './channel.js';
import type { LocalStream, LocalTrack } from './local-stream.js';
import type { PublishTrack, WantedLayer, WireTrack } from './protocol.js';
import type { Transport } from './transport.js';
/** Carries one stream, for one attempt to publish it. */
export interface Carrier {
    /** Whether it is gone, so that another one will take over the stream. */
    readonly closed: boolean;
    /** Takes up a stream; gives what the server is told of its tracks. */
    take(stream: LocalStream): Promise<PublishTrack[]>;
    /** Resolves once media can flow. */
    negotiated(): Promise<void>;
    /** The server has the stream, under this id. */
    published(id: number): void;
    /** The m-section of a track, where there is one for all. */
    midOf(trackId: string): string | undefined;
    /** A track has another device, or none. */
    replaced(track: LocalTrack): Promise<void>;
    /** The server said which layers of a track anybody wants. */
    layersWanted(trackId: string, layers: readonly WantedLayer[]): void;
    /** Opens a data channel to the subscribers of the stream. */
    open(channel: Channel, id: number): void;
    /** Lets go of the stream. */
    release(): void;
}
/** What everybody is told of a track. */
export declare function describe({ id, kind, source, muted }: LocalTrack): WireTrack;
/** Carries a stream to the server, on a transport. */
export declare class TransportCarrier implements Carrier {
    #private;
    constructor(transport: Transport);
    get closed(): boolean;
    take(stream: LocalStream): Promise<PublishTrack[]>;
    negotiated(): Promise<void>;
    published(): void;
    midOf(trackId: string): string | undefined;
    replaced(track: LocalTrack): Promise<void>;
    layersWanted(trackId: string, layers: readonly WantedLayer[]): void;
    open(channel: Channel, id: number): void;
    release(): void;
}
