import { checkSupport } from './devices.js';
import { TertuliaError } from './errors.js';
import { clientName, protocolVersion } from './protocol.js';
import { type ConnectOptions, Room, type TokenSource } from './room.js';
import { Signal } from './signal.js';

/**
 * Enters a room.
 *
 * @param url where the server is: `https://meet.example.org`
 * @param token the right to enter, or a function that gives one, which is asked again when a lost
 *   session cannot be resumed
 */
export async function connect(url: string, token: TokenSource, options: ConnectOptions = {}): Promise<Room> {
  checkSupport();
  options.signal?.throwIfAborted();
  const { client, metadata, timeout = 15_000, reconnectFor } = options;

  let entered = false;
  let settle!: { resolve: (room: Room) => void; reject: (error: unknown) => void };
  const result = new Promise<Room>((resolve, reject) => {
    settle = { resolve, reject };
  });
  const signal = new Signal({
    url: signalURL(url),
    token: () => (typeof token === 'string' ? token : token()),
    opening: {
      protocol: protocolVersion,
      client: (client ? `${client} ${clientName}` : clientName).slice(0, 128),
    },
    metadata,
    times: reconnectFor === undefined ? {} : { reconnectFor },
    entered: (how, snapshot) => {
      entered = true;
      room.entered(how, snapshot);
      settle.resolve(room);
    },
    event: (type, data) => room.handle(type, data),
    state: (state) => room.stateChanged(state),
    ended: (reason, error) => {
      if (entered) {
        room.sessionEnded(reason, error);
      } else {
        room.abandon();
        settle.reject(error);
      }
    },
  });
  const room = new Room(signal, { ...options });
  const giveUp = (error: unknown): void => {
    if (entered) return;
    settle.reject(error);
    signal.leave();
  };
  const aborted = (): void => giveUp(options.signal?.reason);
  options.signal?.addEventListener('abort', aborted);
  const timer = setTimeout(
    () => giveUp(new TertuliaError('timeout', 'The server did not let us in in time.')),
    timeout,
  );
  try {
    signal.start();
    return await result;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', aborted);
  }
}

/** The signalling address of a server. */
export function signalURL(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url, typeof location === 'undefined' ? undefined : location.href);
  } catch {
    throw new TertuliaError(
      'bad-request',
      `"${url}" is not an address: it should be like https://meet.example.org`,
    );
  }
  const secure = parsed.protocol === 'https:' || parsed.protocol === 'wss:';
  if (!secure && parsed.protocol !== 'http:' && parsed.protocol !== 'ws:') {
    throw new TertuliaError('bad-request', `"${url}" is not an address of http or https.`);
  }
  return `${secure ? 'wss' : 'ws'}://${parsed.host}${parsed.pathname.replace(/\/+$/, '')}/v1/signal`;
}
