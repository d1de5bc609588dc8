import { Emitter } from './emitter.js';
import { TertuliaError } from './errors.js';
import type { Carried } from './fanout.js';

/** How messages of a channel are delivered: reliable and in order when empty. */
export interface ChannelOptions {
  /** Whether messages arrive in their order (default true). */
  ordered?: boolean;
  /** A lossy channel: how often a message is sent again. */
  maxRetransmits?: number;
  /** A lossy channel: how long a message is sent again, milliseconds; not together with maxRetransmits. */
  maxPacketLifeTime?: number;
}

/** Events of a {@link Channel}. */
export interface ChannelEvents {
  /** The channel can carry messages; told again after the session was rebuilt, or when it was opened anew on a new connection. */
  open: () => void;
  message: (data: string | ArrayBuffer) => void;
  /** It is over: closed by either side, its stream ended, or it was too slow a receiver. */
  close: () => void;
}

/** Bytes of one message. */
const maxChannelData = 64 << 10;

/** Bytes that wait for the channel to open. */
const maxWaiting = 1 << 20;

/**
 * A data channel of a stream: what its publisher sends reaches the stream's subscribers.
 * When the connection had to be made anew, the publisher's channel is opened again by itself, and
 * what was under way may be lost; receivers see the former one close and a new one come.
 */
export class Channel extends Emitter<ChannelEvents> {
  readonly label: string;
  readonly options: Readonly<ChannelOptions>;
  readonly #publishes: boolean;
  #channel: Carried | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #waiting: (string | ArrayBuffer)[] = [];
  #waitingBytes = 0;

  /** @internal */
  constructor(label: string, options: ChannelOptions, publishes: boolean) {
    super();
    this.label = label;
    this.options = options;
    this.#publishes = publishes;
  }

  get state(): 'connecting' | 'open' | 'closed' {
    return this.#state;
  }

  /** Bytes given to send that have not left yet. */
  get bufferedAmount(): number {
    return this.#waitingBytes + (this.#channel?.bufferedAmount ?? 0);
  }

  /**
   * Sends a message of at most 64 KB; until the channel is open, messages wait (up to 1 MB).
   * Only the publisher of the stream may.
   */
  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (!this.#publishes) {
      throw new TertuliaError('forbidden', 'Only the publisher of a stream sends on its channels.');
    }
    if (this.#state === 'closed') throw new TertuliaError('closed', 'The channel is closed.');
    const message = typeof data === 'string' ? data : bytesOf(data);
    const size = typeof message === 'string' ? new TextEncoder().encode(message).length : message.byteLength;
    if (size > maxChannelData) {
      throw new TertuliaError('bad-request', `That is ${size} bytes; a message can have ${maxChannelData}.`);
    }
    if (this.#channel?.readyState === 'open') {
      this.#channel.send(message);
      return;
    }
    if (this.#waitingBytes + size > maxWaiting) {
      throw new TertuliaError('limit', 'The channel is not open, and 1 MB waits for it already.');
    }
    this.#waiting.push(message);
    this.#waitingBytes += size;
  }

  close(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.close();
    this.#over();
  }

  /** @internal The connection's channel that carries this one from now on. */
  attach(channel: Carried): void {
    this.detach();
    if (this.#state === 'closed') {
      channel.close();
      return;
    }
    channel.binaryType = 'arraybuffer';
    this.#channel = channel;
    const opened = (): void => {
      if (this.#channel !== channel || this.#state === 'open') return;
      this.#state = 'open';
      for (const message of this.#waiting) channel.send(message);
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.emit('open');
    };
    channel.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      opened(); // Some browsers tell the first message before they tell that the channel is open.
      this.emit('message', event.data);
    };
    channel.onclose = () => {
      if (this.#channel !== channel) return;
      this.#channel = undefined;
      this.#over();
    };
    if (channel.readyState === 'open') opened();
    else channel.onopen = opened;
  }

  /** @internal The connection is gone; another channel may be attached. */
  detach(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel) {
      channel.onclose = channel.onopen = channel.onmessage = null;
      if (this.#state === 'open') this.#state = 'connecting';
    }
  }

  #over(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.emit('close');
  }
}

// A copy: the application may go on writing into its buffer.
function bytesOf(data: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  if (data instanceof ArrayBuffer) return data.slice(0);
  const copy = new Uint8Array(data.byteLength);
  copy.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return copy.buffer;
}
