import { type Encoding } from './encodings.js';
import type { WantedLayer } from './protocol.js';
export declare class Sending {
    #private;
    readonly transceiver: RTCRtpTransceiver;
    constructor(transceiver: RTCRtpTransceiver, planned: readonly Encoding[]);
    /** Which m-section it is, once that is known. */
    get mid(): string | undefined;
    /** What distinguishes senders that cannot do each other's work: a browser never changes its rids. */
    get shape(): string;
    /** The server said which layers anybody wants. */
    want(layers: readonly WantedLayer[]): void;
    /** Sets the encodings; one change at a time, since a browser refuses a second one meanwhile. */
    apply(): Promise<void>;
}
export declare function shapeOf(encodings: readonly Encoding[]): string;
