import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Repair } from '../src/repair.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection that does what the test says, and what was done to it. */
function connection(patience?: number) {
  const done: string[] = [];
  const now = { state: 'new' as RTCIceConnectionState, live: true };
  const repair = new Repair({
    state: () => now.state,
    live: () => now.live,
    restart: () => void done.push(`restart ${Date.now() - began}`),
    giveUp: () => void done.push(`give up ${Date.now() - began}`),
    patience,
  });
  const began = Date.now();
  const becomes = (state: RTCIceConnectionState): void => {
    now.state = state;
    repair.watch();
  };
  return { repair, now, done, becomes };
}

describe('a connection', () => {
  it('is restarted when it was disconnected for two seconds, not before', () => {
    const { done, becomes } = connection();
    becomes('connected');
    becomes('disconnected');
    vi.advanceTimersByTime(1_900);
    becomes('connected');
    vi.advanceTimersByTime(10_000);
    expect(done).toEqual([]);
    becomes('disconnected');
    vi.advanceTimersByTime(3_000);
    expect(done).toEqual(['restart 13900']);
  });

  it('is restarted at once when it failed, twice, and then given up', () => {
    const { done, becomes } = connection();
    becomes('failed');
    vi.advanceTimersByTime(20_000);
    expect(done).toEqual(['restart 0', 'restart 8000', 'give up 16000']);
  });

  it('has both restarts again once it was connected', () => {
    const { done, becomes } = connection();
    becomes('failed');
    vi.advanceTimersByTime(9_000);
    becomes('connected');
    becomes('failed');
    vi.advanceTimersByTime(16_500);
    expect(done).toEqual(['restart 0', 'restart 8000', 'restart 9000', 'restart 17000', 'give up 25000']);
  });

  it('of which the other side may be the one that restarts is left to it for a while', () => {
    const { done, becomes } = connection(1_500);
    becomes('failed');
    vi.advanceTimersByTime(1_400);
    becomes('checking');
    becomes('connected');
    becomes('disconnected');
    vi.advanceTimersByTime(3_400);
    expect(done).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(done).toEqual(['restart 4900']);
  });

  it('waits for the signalling', () => {
    const { repair, now, done, becomes } = connection();
    now.live = false;
    becomes('failed');
    vi.advanceTimersByTime(60_000);
    expect(done).toEqual([]);
    now.live = true;
    repair.signallingBack();
    expect(done).toEqual(['restart 60000']);
  });

  it('is not restarted for a wish from before it was connected, or made anew', () => {
    for (const heal of ['connected', 'anew']) {
      const { repair, now, done, becomes } = connection();
      now.live = false;
      becomes('failed');
      if (heal === 'anew') {
        repair.reset();
        now.state = 'new';
      } else becomes('connected');
      now.live = true;
      repair.signallingBack();
      vi.advanceTimersByTime(60_000);
      expect(done, heal).toEqual([]);
    }
  });

  it('is restarted although it seems to be there, when the other side says so, as often as it does', () => {
    const { repair, done, becomes } = connection();
    becomes('connected');
    for (let i = 0; i < 4; i++) {
      repair.now();
      vi.advanceTimersByTime(9_000);
    }
    expect(done).toEqual([0, 9_000, 18_000, 27_000].map((at) => `restart ${at}`));
  });

  it('is given up when its ICE has not begun after six seconds', () => {
    const { repair, done } = connection(1_500);
    repair.expect();
    vi.advanceTimersByTime(1_000);
    repair.expect();
    vi.advanceTimersByTime(20_000);
    expect(done).toEqual(['give up 7500']);
  });

  it('whose ICE has begun says itself when it fails', () => {
    const { repair, done, becomes } = connection();
    repair.expect();
    becomes('checking');
    vi.advanceTimersByTime(60_000);
    expect(done).toEqual([]);
    becomes('failed');
    expect(done).toEqual(['restart 60000']);
  });

  it('that cannot begin without the signalling is not given up before that is there', () => {
    const { repair, now, done } = connection();
    now.live = false;
    repair.expect();
    vi.advanceTimersByTime(20_000);
    now.live = true;
    expect(done).toEqual([]);
    vi.advanceTimersByTime(6_000);
    expect(done).toEqual(['give up 24000']);
  });

  it('that is closed is left alone', () => {
    const { repair, done, becomes } = connection();
    repair.expect();
    becomes('disconnected');
    repair.close();
    becomes('failed');
    repair.signallingBack();
    repair.now();
    vi.advanceTimersByTime(60_000);
    expect(done).toEqual([]);
  });
});
