// Perfect negotiation of one connection between two participants, as a machine: it is told what was wanted and heard,
// and says one step after another. pair.ts carries the steps out.

/** What one side says of its description. */
export interface Described {
  readonly type: 'offer' | 'answer';
  readonly sdp: string;
  /** Number of the offer; an answer has the number of the one that it answers. */
  readonly offer: number;
}

/** What is to be done next with the connection. */
export type Step<Candidate, Extra> =
  /** Ask the other for the connection's first offer. */
  | { do: 'ask' }
  /** Make an offer, set it, and send it under this number. */
  | { do: 'offer'; offer: number }
  /** Set the other's offer (an own one that is open is taken back by that), answer it, and send the answer. */
  | { do: 'accept'; offer: number; sdp: string; extra: Extra }
  /** Set the other's answer. */
  | { do: 'complete'; sdp: string; extra: Extra }
  /** Send the own offer that is open again, under its number. */
  | { do: 'repeat'; offer: number }
  | { do: 'candidates'; candidates: readonly Candidate[] };

type Heard<Candidate, Extra> = { described: Described; extra: Extra } | { candidates: readonly Candidate[] };

/**
 * One side of a negotiation. Extra is what comes with a description and is given back with its step.
 * After each call, ask next() until it has nothing; tell done() when a step is carried out.
 */
export class Negotiation<Candidate, Extra> {
  readonly #impolite: boolean;
  #heard: Heard<Candidate, Extra>[] = [];
  #needed = false;
  #repeat = false;
  /** Number of the own offer that is not answered yet. */
  #open: number | undefined;
  #offers = 0;
  /** An offer of this side has been made, or one of the other accepted. */
  #begun = false;
  /** A description of the other was taken. */
  #met = false;
  #asked = false;
  #busy = false;

  /**
   * impolite: of two offers that meet, this side's counts, and it makes the first. One of the two is, and one is not.
   * Were the first two to meet, the one that is taken back would take its transport with it, and Chromium (156) may
   * then gather no candidate ever again on that connection.
   */
  constructor(impolite: boolean) {
    this.#impolite = impolite;
  }

  /** Something of this side has changed that the other must agree to. */
  need(): void {
    this.#needed = true;
  }

  /** Something needs the connection, and nothing more than that. */
  begin(): void {
    if (!this.#begun) this.#needed = true;
  }

  /** The other asks for the first offer. */
  asked(): void {
    if (this.#impolite) this.begin();
  }

  /**
   * The other has begun anew, and knows of this connection. Whether that can go on: nothing was taken of what the other's
   * former connection described. What was heard of it is forgotten then.
   */
  anew(): boolean {
    if (this.#met) return false;
    this.#heard = [];
    return true;
  }

  /**
   * What the other said last may be lost, and what was said to it: an open offer is said again. It is not taken back: the
   * other may have accepted it, and the next one would have its sections under other names, which no browser takes.
   */
  lost(): void {
    this.#heard = [];
    this.#asked = false;
    this.#repeat = this.#open !== undefined;
  }

  describe(described: Described, extra: Extra): void {
    this.#heard.push({ described, extra });
  }

  candidates(candidates: readonly Candidate[]): void {
    this.#heard.push({ candidates });
  }

  /** The next step; undefined while one is being carried out, or when there is none. */
  next(): Step<Candidate, Extra> | undefined {
    if (this.#busy) return undefined;
    const step = this.#next();
    this.#busy = step !== undefined;
    return step;
  }

  /** The step was carried out. */
  done(): void {
    this.#busy = false;
  }

  #next(): Step<Candidate, Extra> | undefined {
    if (this.#repeat) {
      this.#repeat = false;
      if (this.#open !== undefined) return { do: 'repeat', offer: this.#open };
    }
    for (let heard = this.#heard.shift(); heard; heard = this.#heard.shift()) {
      const step = this.#take(heard);
      if (step) return step;
    }
    if (!this.#needed || this.#open !== undefined) return undefined;
    if (!this.#impolite && !this.#begun) {
      if (this.#asked) return undefined;
      this.#asked = true;
      return { do: 'ask' };
    }
    this.#needed = false;
    this.#begun = true;
    this.#open = ++this.#offers;
    return { do: 'offer', offer: this.#open };
  }

  #take(heard: Heard<Candidate, Extra>): Step<Candidate, Extra> | undefined {
    if ('candidates' in heard) return { do: 'candidates', candidates: heard.candidates };
    const { described, extra } = heard;
    const { type, sdp, offer } = described;
    if (type === 'answer') {
      if (offer !== this.#open) return undefined; // to an offer that was taken back
      this.#open = undefined;
      this.#met = true;
      return { do: 'complete', sdp, extra };
    }
    if (this.#open !== undefined) {
      if (this.#impolite) return undefined;
      this.#open = undefined;
      this.#needed = true; // what the own offer was for is offered again
    }
    this.#begun = this.#met = true;
    return { do: 'accept', offer, sdp, extra };
  }
}

/** Whether a participant is the impolite one towards another: the lower id is. */
export function isImpolite(own: string, other: string): boolean {
  return own < other;
}
