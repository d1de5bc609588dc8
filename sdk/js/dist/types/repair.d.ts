/** Whether ICE has a way through. */
export declare function isConnected(state: RTCIceConnectionState): boolean;
/** What a repair needs of its connection. */
export interface RepairHost {
    readonly state: () => RTCIceConnectionState;
    /** Whether the signalling is there: without it, restarting ICE makes no sense. */
    readonly live: () => boolean;
    /** Restarts ICE. */
    readonly restart: () => void;
    /** The connection is beyond repair. */
    readonly giveUp: () => void;
    /** How much longer to wait before the first restart, where the other side may do it as well; milliseconds. */
    readonly patience?: number;
}
/** Repairs one connection after the other. */
export declare class Repair {
    #private;
    constructor(host: RepairHost);
    /** Both sides are told to connect: ICE should begin. Where it does not, no restart of it makes it. */
    expect(): void;
    /** ICE's state changed. */
    watch(): void;
    /** Restarts ICE, also where this side believes to be connected. */
    now(): void;
    /** The signalling is back after a cut. */
    signallingBack(): void;
    /** All is well, or there is another connection. */
    reset(): void;
    /** Nothing is to be repaired any more. */
    close(): void;
}
