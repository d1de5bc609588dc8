// A data channel to several receivers at once, each on a connection of its own.

import type { ChannelOptions } from './channel.js';

/** What a {@link Channel} needs of the channel that carries it. */
export type Carried = Pick<
  RTCDataChannel,
  'readyState' | 'bufferedAmount' | 'binaryType' | 'close' | 'onopen' | 'onmessage' | 'onclose'
> & { send(data: string | ArrayBuffer): void };

/** Bytes that may wait for one receiver: beyond it, a lossy channel loses messages, a reliable one ends for that receiver. */
const lossyBacklog = 256 << 10;
const reliableBacklog = 1 << 20;

interface Receiver {
  channel: Carried;
  /** Messages from before the channel was open. */
  waiting: Message[];
  bytes: number;
}

interface Message {
  data: string | ArrayBuffer;
  bytes: number;
}

/** Looks like one channel that is always open; what is sent goes to those who receive now. */
export class Fanout implements Carried {
  readonly #lossy: boolean;
  readonly #receivers = new Map<string, Receiver>();
  readonly #tooSlow = new Set<string>();
  readyState: RTCDataChannelState = 'open';
  binaryType: BinaryType = 'arraybuffer';
  onopen: Carried['onopen'] = null;
  onmessage: Carried['onmessage'] = null;
  onclose: Carried['onclose'] = null;

  constructor({ maxRetransmits, maxPacketLifeTime }: ChannelOptions) {
    this.#lossy = maxRetransmits !== undefined || maxPacketLifeTime !== undefined;
  }

  /** Of the slowest receiver. */
  get bufferedAmount(): number {
    return Math.max(
      0,
      ...[...this.#receivers.values()].map((each) => each.bytes + each.channel.bufferedAmount),
    );
  }

  /** Somebody receives by this channel from now on, in place of a former one. */
  add(who: string, channel: Carried): void {
    this.remove(who);
    const receiver: Receiver = { channel, waiting: [], bytes: 0 };
    this.#receivers.set(who, receiver);
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => {
      const { waiting } = receiver;
      receiver.waiting = [];
      receiver.bytes = 0;
      for (const message of waiting) this.#send(who, receiver, message);
    };
    channel.onclose = () => {
      if (this.#receivers.get(who) === receiver) this.#receivers.delete(who);
    };
  }

  /** Whether somebody receives, or was let go as too slow and is not to get what follows the gap. */
  knows(who: string): boolean {
    return this.#receivers.has(who) || this.#tooSlow.has(who);
  }

  remove(who: string): void {
    this.#tooSlow.delete(who);
    const receiver = this.#receivers.get(who);
    this.#receivers.delete(who);
    receiver?.channel.close();
  }

  send(data: string | ArrayBuffer): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data).length : data.byteLength;
    const message = { data, bytes };
    for (const [who, receiver] of this.#receivers) this.#send(who, receiver, message);
  }

  close(): void {
    this.readyState = 'closed';
    for (const who of [...this.#receivers.keys()]) this.remove(who);
  }

  #send(who: string, receiver: Receiver, message: Message): void {
    const backlog = receiver.bytes + receiver.channel.bufferedAmount + message.bytes;
    if (backlog > (this.#lossy ? lossyBacklog : reliableBacklog)) {
      if (this.#lossy) return;
      this.remove(who);
      this.#tooSlow.add(who);
      return;
    }
    if (receiver.channel.readyState === 'open') {
      receiver.channel.send(message.data);
    } else if (receiver.channel.readyState === 'connecting') {
      receiver.waiting.push(message);
      receiver.bytes += message.bytes;
    }
  }
}
