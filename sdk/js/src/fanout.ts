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
  waiting: (string | ArrayBuffer)[];
  bytes: number;
}

/** Looks like one channel that is always open; what is sent goes to those who receive now. */
export class Fanout implements Carried {
  readonly #lossy: boolean;
  readonly #receivers = new Map<string, Receiver>();
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

  has(who: string): boolean {
    return this.#receivers.has(who);
  }

  remove(who: string): void {
    const receiver = this.#receivers.get(who);
    this.#receivers.delete(who);
    receiver?.channel.close();
  }

  send(message: string | ArrayBuffer): void {
    for (const [who, receiver] of this.#receivers) this.#send(who, receiver, message);
  }

  close(): void {
    this.readyState = 'closed';
    for (const who of [...this.#receivers.keys()]) this.remove(who);
  }

  #send(who: string, receiver: Receiver, message: string | ArrayBuffer): void {
    const size = typeof message === 'string' ? new TextEncoder().encode(message).length : message.byteLength;
    const backlog = receiver.bytes + receiver.channel.bufferedAmount + size;
    if (backlog > (this.#lossy ? lossyBacklog : reliableBacklog)) {
      if (!this.#lossy) this.remove(who);
      return;
    }
    if (receiver.channel.readyState === 'open') {
      receiver.channel.send(message);
    } else if (receiver.channel.readyState === 'connecting') {
      receiver.waiting.push(message);
      receiver.bytes += size;
    }
  }
}
