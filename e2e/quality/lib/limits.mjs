// What is allowed for, and why.

import { sleep } from '../../lib/until.mjs';

/**
 * How many of a frame's nine places may be wrong. The encoder of AV1 in
 * Chromium leaves a block as it was for some frames, now and then: so it is
 * without any server between, in places of one row. A frame that is decoded against the wrong
 * one is wrong in nearly all places.
 */
export const tolerated = (codec) => (codec === 'AV1' ? 3 : 0);

const busy = 100; // milliseconds that a timer of the link or of the page comes late

/**
 * Measures again, at most three times, when it fails while the machine was too
 * busy to keep time: then it measured the machine. `measure` is handed a
 * function that it tells its report.
 */
export async function steadily(measure) {
  for (let i = 1; ; i++) {
    let late = 0;
    try {
      return await measure((report) => {
        late = Math.max(late, report.lag, report.link?.down.lateMs ?? 0);
      });
    } catch (error) {
      if (late < busy) throw error;
      if (i === 3) {
        error.message += `\n(The machine was busy: timers came ${Math.round(late)} ms late.)`;
        throw error;
      }
      console.log(`measured again, for timers came ${Math.round(late)} ms late: ${error.message}`);
      await sleep(1000);
    }
  }
}
