// A track on a transport: its sender, and the encodings that are wanted of it now.

import { type Encoding, follow, layersOfEncoding, wantedEncoding } from './encodings.js';
import type { WantedLayer } from './protocol.js';

export class Sending {
  readonly transceiver: RTCRtpTransceiver;
  readonly #planned: readonly Encoding[];
  #wanted: readonly WantedLayer[] | undefined;
  /** The most layers that the server ever spoke of, by encoding: those that are not sent now may be missing. */
  readonly #known: number[];
  #changing = false;
  #again = false;

  constructor(transceiver: RTCRtpTransceiver, planned: readonly Encoding[]) {
    this.transceiver = transceiver;
    this.#planned = planned;
    this.#known = planned.map(() => 0);
  }

  /** Which m-section it is, once that is known. */
  get mid(): string | undefined {
    return this.transceiver.mid ?? undefined;
  }

  /** What distinguishes senders that cannot do each other's work: a browser never changes its rids. */
  get shape(): string {
    return shapeOf(this.#planned);
  }

  /** The server said which layers anybody wants. */
  want(layers: readonly WantedLayer[]): void {
    this.#wanted = layers;
    this.#planned.forEach((planned, index) => {
      this.#known[index] = Math.max(this.#known[index] ?? 0, layersOfEncoding(planned, layers).length);
    });
    void this.apply();
  }

  /** Sets the encodings; one change at a time, since a browser refuses a second one meanwhile. */
  async apply(): Promise<void> {
    this.#again = true;
    if (this.#changing) return;
    this.#changing = true;
    while (this.#again) {
      this.#again = false;
      const target = this.#planned.map((planned, index) =>
        wantedEncoding(planned, this.#wanted, this.#known[index]),
      );
      try {
        await this.#set(target);
      } catch {
        // The codec that was agreed on has no such mode: layers that can only be left out by a mode stay.
        const simpler = target.map(({ active, rid, maxBitrate }) => ({ active, rid, maxBitrate }));
        await this.#set(simpler).catch((error: unknown) => console.warn('tertulia:', error));
      }
    }
    this.#changing = false;
  }

  async #set(target: readonly Encoding[]): Promise<void> {
    const { sender } = this.transceiver;
    const parameters = sender.getParameters();
    // A server that declined simulcast left one encoding, which is to be the largest.
    const declined = parameters.encodings.length === 1 && target.length > 1;
    const to = declined ? target.slice(-1).map(({ rid: _, ...encoding }) => encoding) : target;
    if (follow(parameters.encodings, to)) await sender.setParameters(parameters);
  }
}

export function shapeOf(encodings: readonly Encoding[]): string {
  return encodings.map(({ rid = '' }) => rid).join();
}
