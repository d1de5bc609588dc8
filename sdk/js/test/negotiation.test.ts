import { describe, expect, it } from 'vitest';
import { type Described, isImpolite, Negotiation, type Step } from '../src/negotiation.js';
import { seeded } from './fake-server.js';

type Note = string; // what a side's sections carry

/** What of a browser's connection negotiation can see: it refuses what browsers refuse. */
class Connection {
  state: 'stable' | 'have-local-offer' = 'stable';
  agreed = { mine: '', theirs: '' };
  offered = '';
  #begun = false;

  offer(mine: string): void {
    if (this.state !== 'stable') throw new Error('an offer in the middle of another');
    this.state = 'have-local-offer';
    this.offered = mine;
  }
  accept(theirs: string, mine: string): void {
    if (this.state !== 'stable' && !this.#begun)
      throw new Error('with its first offer it loses its transport');
    this.#begun = true;
    this.state = 'stable'; // rolls back by itself
    this.agreed = { mine, theirs };
  }
  complete(theirs: string): void {
    if (this.state !== 'have-local-offer') throw new Error('an answer to nothing');
    this.state = 'stable';
    this.#begun = true;
    this.agreed = { mine: this.offered, theirs };
  }
}

/** One side: the machine, a connection, and steps that take their time. */
class Side {
  readonly machine: Negotiation<number, Note>;
  readonly connection = new Connection();
  /** What it sends in its sections now. */
  mine = '';
  readonly out: { described?: Described; note?: Note; candidates?: number[]; ask?: true }[] = [];
  readonly heardCandidates: number[] = [];
  step: Step<number, Note> | undefined;

  constructor(impolite: boolean) {
    this.machine = new Negotiation(impolite);
  }

  change(what: string): void {
    this.mine += what;
    this.machine.need();
  }

  begin(): void {
    this.step ??= this.machine.next();
  }

  finish(): void {
    const { step } = this;
    if (!step) return;
    this.step = undefined;
    switch (step.do) {
      case 'ask':
        this.out.push({ ask: true });
        break;
      case 'offer':
        this.connection.offer(this.mine);
        this.out.push({ described: { type: 'offer', sdp: this.mine, offer: step.offer }, note: this.mine });
        break;
      case 'accept':
        this.connection.accept(step.extra, this.mine);
        this.out.push({ described: { type: 'answer', sdp: this.mine, offer: step.offer }, note: this.mine });
        break;
      case 'complete':
        this.connection.complete(step.extra);
        break;
      case 'repeat': {
        const { state, offered } = this.connection;
        if (state !== 'have-local-offer') throw new Error('nothing to repeat');
        this.out.push({ described: { type: 'offer', sdp: offered, offer: step.offer }, note: offered });
        break;
      }
      case 'candidates':
        this.heardCandidates.push(...step.candidates);
        break;
    }
    this.machine.done();
  }

  run(): void {
    for (this.begin(); this.step; this.begin()) this.finish();
  }

  hear(message: (typeof this.out)[number]): void {
    if (message.described) this.machine.describe(message.described, message.note ?? '');
    if (message.candidates) this.machine.candidates(message.candidates);
    if (message.ask) this.machine.asked();
  }
}

function exchange(one: Side, other: Side): void {
  for (let quiet = false; !quiet;) {
    one.run();
    other.run();
    quiet = one.out.length === 0 && other.out.length === 0;
    for (const message of one.out.splice(0)) other.hear(message);
    for (const message of other.out.splice(0)) one.hear(message);
  }
}

function agree(one: Side, other: Side): void {
  expect(one.connection).toMatchObject({ state: 'stable', agreed: { mine: one.mine, theirs: other.mine } });
  expect(other.connection).toMatchObject({ state: 'stable', agreed: { mine: other.mine, theirs: one.mine } });
}

describe('perfect negotiation', () => {
  it('the lower id is impolite', () => {
    expect(isImpolite('0a', '0b')).toBe(true);
    expect(isImpolite('0b', '0a')).toBe(false);
  });

  it('one offers, the other answers', () => {
    const [one, other] = [new Side(true), new Side(false)];
    one.change('a');
    one.run();
    expect(one.out).toHaveLength(1);
    expect(one.machine.next()).toBeUndefined(); // one offer at a time
    exchange(one, other);
    agree(one, other);
  });

  it('the impolite one makes the first offer, and is asked for it', () => {
    const [impolite, polite] = [new Side(true), new Side(false)];
    polite.change('p');
    polite.run();
    polite.change('q');
    polite.run();
    expect(polite.out).toEqual([{ ask: true }]); // once
    impolite.hear({ ask: true });
    impolite.run();
    expect(impolite.out.map(({ described }) => described?.type)).toEqual(['offer']);
    exchange(impolite, polite);
    agree(impolite, polite);
    impolite.machine.asked(); // again, or late: it has made its first
    polite.machine.asked(); // of the wrong one
    impolite.run();
    polite.run();
    expect([...impolite.out, ...polite.out]).toEqual([]);
  });

  it('when two offers meet, that of the impolite one counts, and the other is made again', () => {
    const [impolite, polite] = [new Side(true), new Side(false)];
    impolite.change('i');
    exchange(impolite, polite);
    impolite.change('j');
    polite.change('p');
    impolite.run();
    polite.run();
    const [first] = impolite.out.splice(0);
    const [second] = polite.out.splice(0);
    impolite.hear(second!);
    impolite.run();
    expect(impolite.out).toEqual([]); // ignored
    polite.hear(first!);
    polite.run();
    expect(polite.out.map(({ described }) => `${described?.type} ${described?.offer}`)).toEqual([
      'answer 2',
      'offer 2',
    ]);
    exchange(impolite, polite);
    agree(impolite, polite);
  });

  it('candidates that come after an ignored offer may be of an earlier description, and count', () => {
    const impolite = new Side(true);
    impolite.change('i');
    impolite.run();
    impolite.hear({ described: { type: 'offer', sdp: 'p', offer: 1 }, note: 'p' });
    impolite.hear({ candidates: [1, 2] });
    impolite.run();
    expect(impolite.heardCandidates).toEqual([1, 2]);
  });

  it('an answer to an offer that is not open changes nothing', () => {
    const side = new Side(true);
    side.hear({ described: { type: 'answer', sdp: 'x', offer: 0 }, note: 'x' });
    side.run();
    side.change('p');
    side.run();
    side.hear({ described: { type: 'answer', sdp: 'x', offer: 7 }, note: 'x' });
    side.run();
    expect(side.connection.state).toBe('have-local-offer');
  });

  it.each([true, false])('what was lost is said again (impolite: %s)', (impolite) => {
    const [one, other] = [new Side(impolite), new Side(!impolite)];
    one.change('a');
    one.run();
    one.out.length = 0; // on the way when the session was rebuilt
    one.machine.lost();
    one.run();
    expect(one.out).toEqual([
      impolite ? { described: { type: 'offer', sdp: 'a', offer: 1 }, note: 'a' } : { ask: true },
    ]);
    exchange(one, other);
    agree(one, other);
    one.machine.lost(); // nothing is open: nothing to do
    expect(one.machine.next()).toBeUndefined();
  });

  it('comes to an agreement whatever meets whatever', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = seeded(seed);
      const sides = [new Side(true), new Side(false)] as const;
      const ways: (typeof sides)[0]['out'][] = [[], []]; // to the other side, in order
      for (let turn = 0; turn < 120; turn++) {
        const at = random() < 0.5 ? 0 : 1;
        const side = sides[at];
        const way = ways[at]!;
        const does = random();
        if (does < 0.1) side.change(String.fromCharCode(97 + Math.floor(random() * 26)));
        else if (does < 0.45) side.begin();
        else if (does < 0.8) side.finish();
        else if (way.length > 0) sides[1 - at]!.hear(way.shift()!);
        way.push(...side.out.splice(0));
        if (random() < 0.01) {
          // The server was restarted: whatever was under way is gone, on both ways.
          for (const lost of ways) lost.length = 0;
          for (const each of sides) {
            each.machine.lost();
            each.machine.need();
          }
        }
      }
      for (const side of sides) side.finish();
      ways[0]!.push(...sides[0].out.splice(0));
      ways[1]!.push(...sides[1].out.splice(0));
      for (const at of [0, 1]) for (const message of ways[at]!) sides[1 - at]!.hear(message);
      exchange(...sides);
      agree(...sides);
    }
  });
});
