import type { WantedLayer } from './protocol.js';
import type { Source } from './words.js';
/** One encoding of a sender, with what TypeScript does not know of it yet. */
export interface Encoding extends RTCRtpEncodingParameters {
    scalabilityMode?: string;
}
/** What is known of a video track that is to be sent. */
export interface Picture {
    readonly source: Source;
    /** Undefined while the device is released. */
    readonly width: number | undefined;
    readonly height: number | undefined;
}
/** What the application says about the sending of video. */
export interface VideoOptions {
    simulcast?: boolean;
    scalabilityMode?: string;
    maxVideoBitrate?: number;
}
/** The codec that the room and the browser agree on, with the modes that its encoder has. */
export interface SendCodec {
    /** "VP8", "VP9"…; empty when it is not known. */
    readonly name: string;
    /** Undefined where the browser does not say; what it does not have is then found out by asking for it. */
    readonly modes: readonly string[] | undefined;
}
/**
 * The encodings of a video track. Cameras are sent in three qualities, so that each receiver gets one that fits: as
 * simulcast (VP8, H264), or as spatial layers of one stream (VP9, AV1). Screens are sent in one.
 */
export declare function videoEncodings(picture: Picture, options: VideoOptions, codec: SendCodec): Encoding[];
/** The encodings of an audio track. */
export declare function audioEncodings(maxBitrate: number | undefined): Encoding[];
/**
 * What an encoding is to be now that the server said which layers anybody wants; without a word, all are wanted. A layer that is
 * not wanted is not encoded. Spatial layers inside an encoding go from the top: L3T3 becomes L2T3 at half the size. known is how
 * many there are when all are sent, as far as the server ever saw: a codec may have fewer than were planned.
 */
export declare function wantedEncoding(planned: Encoding, layers: readonly WantedLayer[] | undefined, known?: number): Encoding;
/** What was said of the layers of one encoding. */
export declare function layersOfEncoding({ rid }: Encoding, layers: readonly WantedLayer[] | undefined): readonly WantedLayer[];
/** How many spatial layers a scalability mode has: "L3T3_KEY" has three. */
export declare function spatialLayers(mode: string): number;
/** Changes encodings of a sender into those; says whether there was anything to change. */
export declare function follow(encodings: Encoding[], target: readonly Encoding[]): boolean;
