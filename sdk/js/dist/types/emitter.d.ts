/** The listeners of a set of events: a function type by event name. */
export type Listeners<Events> = {
    [K in keyof Events]: (...args: any[]) => void;
};
/** Typed events. A listener that throws stops neither the others nor the caller. */
export declare class Emitter<Events extends Listeners<Events>> {
    #private;
    /** Calls listener at each event of this name; the result stops that. */
    on<K extends keyof Events>(event: K, listener: Events[K]): () => void;
    /** Calls listener at the next event of this name only; the result stops that. */
    once<K extends keyof Events>(event: K, listener: Events[K]): () => void;
    /** Stops calling listener. */
    off<K extends keyof Events>(event: K, listener: Events[K]): void;
}
