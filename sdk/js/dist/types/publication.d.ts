import type { Carrier } from './carrier.js';
import type { Channel } from './channel.js';
import { TertuliaError } from './errors.js';
import type { LocalStream, LocalTrack, Publisher } from './local-stream.js';
import type { WantedLayer } from './protocol.js';
import type { Signal } from './signal.js';
/** What a publication needs of its room. */
export interface PublicationHost {
    request: Signal['request'];
    /** What the server said last of the layers of a track of the stream. */
    wantedLayers: (stream: number, track: string) => readonly WantedLayer[] | undefined;
    /** The stream is not published any more: stopped, or refused when it was published again. */
    over: (publication: Publication, error: TertuliaError | undefined) => void;
}
export declare class Publication implements Publisher {
    #private;
    readonly stream: LocalStream;
    id: number | undefined;
    /** Settles when the stream is published for the first time, or cannot be. */
    readonly done: Promise<void>;
    constructor(stream: LocalStream, host: PublicationHost);
    /** The m-section that carries a track. */
    midOf(trackId: string): string | undefined;
    /**
     * Publishes on a carrier, under the former id where there is one. To be called again for each
     * new carrier; keep says whether the participant is still the one that had the id.
     */
    publish(carrier: Carrier, keep: boolean): Promise<void>;
    /** Ends the publication; the stream can be published again. */
    unpublish(): Promise<void>;
    /** The room is over. */
    close(error: TertuliaError): void;
    muted(track: LocalTrack): Promise<void>;
    /** The server said which layers of a track anybody wants. */
    layersWanted(trackId: string): void;
    /** A moderator muted a track: the server knows. */
    mutedByModerator(trackId: string): void;
    replaced(track: LocalTrack): Promise<void>;
    attributes(): Promise<void>;
    channel(channel: Channel): void;
    stopped(): void;
}
