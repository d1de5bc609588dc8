// A test for broken frames must be able to find one. Here the publisher's page
// damages frames behind its encoder; elsewhere nobody does.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../lib/until.mjs';
import { Stage, inShort, seen } from './lib/call.mjs';

describe('broken frames', () => {
  let stage;
  before(async () => {
    stage = await Stage.start({ picture: { width: 960, height: 540 } });
  });
  after(() => stage?.close());

  // Not of VP9 and AV1, whose decoders mostly notice such damage, and show nothing.
  for (const codec of ['VP8', 'H264']) {
    test(`damage to ${codec} is seen`, () =>
      stage.call({ codec }, async (call) => {
        await call.publisher('Ana', { camera: { simulcast: false, scalabilityMode: 'L1T1' }, hooks: { damageEvery: 15, startWith: 1000 } });
        const Ben = await call.subscriber('Ben', ['Ana']);
        // How often a decoder notices such damage, and asks for a keyframe rather
        // than show it, is chance; so is how long it takes to see enough.
        let broken = 0;
        await until(`more than 5 frames of ${codec} are seen to be broken`, async () => {
          const report = await seen(Ben, 'Ana', 1000);
          console.log(codec, inShort(report));
          broken += report.broken;
          return broken > 5;
        }, { seconds: 30 });
      }));
  }

  test('without damage there is none', () =>
    stage.call({}, async (call) => {
      await call.publisher('Ana');
      const Ben = await call.subscriber('Ben', ['Ana'], { link: { latencyMs: 5 } });
      const report = await seen(Ben, 'Ana', 5000);
      console.log('no damage', inShort(report));
      assert.deepEqual(report.brokenFrames, []);
      assert.deepEqual(report.backwards, []);
      assert.ok(report.decoded > 75, `only ${report.decoded} frames in 5 s`);
    }));
});
