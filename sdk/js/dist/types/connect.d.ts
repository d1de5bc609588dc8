import { type ConnectOptions, Room, type TokenSource } from './room.js';
/**
 * Enters a room.
 *
 * @param url where the server is: `https://meet.example.org`
 * @param token the right to enter, or a function that gives one, which is asked again when a lost
 *   session cannot be resumed
 */
export declare function connect(url: string, token: TokenSource, options?: ConnectOptions): Promise<Room>;
/** The signalling address of a server. */
export declare function signalURL(url: string): string;
