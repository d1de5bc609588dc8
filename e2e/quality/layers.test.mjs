// A change of layers is never seen as a broken frame: while a subscriber wants
// another layer every two seconds, each frame that it decodes is whole, and the
// frames come in order. So it is for each codec, and each way to send layers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../lib/until.mjs';
import { Stage, inShort, seen, sendsAll } from './lib/call.mjs';
import { steadily, tolerated } from './lib/limits.mjs';

const width = 960;
const height = 540;
const full = { width, height };
const half = { width: width / 2, height: height / 2 };
const quarter = { width: width / 4, height: height / 4 };
const sizes = [half, full, quarter, full, quarter, half, full];
const rates = [7, 30, 15, 30, 7, 15, 30].map((frameRate) => ({ frameRate }));

const ways = [
  { name: 'VP8, simulcast', codec: 'VP8', camera: { simulcast: true }, encodings: 3, wishes: sizes, alone: true },
  { name: 'H264, simulcast', codec: 'H264', camera: { simulcast: true }, encodings: 3, wishes: sizes },
  { name: 'VP9, simulcast of L1T3', codec: 'VP9', camera: { simulcast: true, scalabilityMode: 'L1T3' }, encodings: 3, wishes: sizes },
  { name: 'AV1, simulcast of L1T3', codec: 'AV1', camera: { simulcast: true, scalabilityMode: 'L1T3' }, encodings: 3, wishes: sizes },
  { name: 'VP9, L3T3', codec: 'VP9', camera: { scalabilityMode: 'L3T3' }, wishes: sizes },
  { name: 'VP9, L3T3_KEY', codec: 'VP9', camera: { scalabilityMode: 'L3T3_KEY' }, wishes: sizes, alone: true },
  { name: 'AV1, L3T3', codec: 'AV1', camera: { scalabilityMode: 'L3T3' }, wishes: sizes },
  { name: 'AV1, L3T3_KEY', codec: 'AV1', camera: { scalabilityMode: 'L3T3_KEY' }, wishes: sizes },
  { name: 'VP8, L1T3', codec: 'VP8', camera: { simulcast: false, scalabilityMode: 'L1T3' }, wishes: rates },
];

describe('layers', () => {
  let stage;
  before(async () => {
    stage = await Stage.start({ picture: full });
  });
  after(() => stage?.close());

  for (const way of ways) {
    // Cleo wants all of it, so that Ana goes on sending what Ben does not want.
    test(way.name, () => check(way, ['Cleo']));
    // Without her, Ana stops sending that, and has to begin again.
    if (way.alone) test(`${way.name}, alone`, () => check(way, []));
  }

  function check({ name, codec, camera, encodings, wishes }, others) {
    return stage.call({ codec }, async (call) => {
      const Ana = await call.publisher('Ana', {
        hooks: { startWith: 3000, keepSize: true },
        camera: { maxVideoBitrate: 1_500_000, ...camera },
      });
      for (const other of others) await call.enter(other);
      const Ben = await call.subscriber('Ben', ['Ana']);
      const all = await sendsAll(Ana, width, encodings);
      if (camera.scalabilityMode) {
        for (const { scalabilityMode } of all) assert.equal(scalabilityMode, camera.scalabilityMode, 'Ana sends other layers than asked');
      }
      await steadily(async (tell) => {
        const got = [];
        const wanted = async () => {
          for (const wish of wishes) {
            await Ben.call((wish) => app.streamOf('Ana').prefer('video', wish), wish);
            await sleep(2000);
            got.push(await Ben.call(lastSecond));
          }
        };
        const report = await seen(Ben, 'Ana', wanted, tolerated(codec));
        tell(report);
        console.log(name, JSON.stringify(got), inShort(report));
        assert.deepEqual(report.brokenFrames, []);
        assert.deepEqual(report.backwards, []);
        wishes.forEach((wish, i) => {
          if (wish.width) assert.equal(got[i].width, wish.width, `two seconds after wish ${i}`);
          else assert.ok(got[i].frames <= wish.frameRate * 1.3 && got[i].frames >= wish.frameRate * 0.6, `${got[i].frames} frames a second, two seconds after the wish for ${wish.frameRate}`);
        });
        assert.ok(report.longestGap.ms <= 1000, `for ${report.longestGap.ms} ms no frame was shown`);
      });
    });
  }
});

/** In Ben's page: how wide Ana's last frame was, and how many there were in the last second. */
function lastSecond() {
  const { decoded } = watches.Ana;
  return { width: decoded.at(-1).width, frames: decoded.filter(({ at }) => at > performance.now() - 1000).length };
}
