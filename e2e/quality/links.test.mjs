// What a subscriber gets over links that are slow, change, or jitter. The limits
// are those of docs/congestion.md.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../lib/until.mjs';
import { Stage, inShort, seen, sendsAll } from './lib/call.mjs';
import { steadily } from './lib/limits.mjs';
import { longestAbove } from './lib/link.mjs';

const width = 960;
const height = 540;
const camera = { simulcast: true, maxVideoBitrate: 1_500_000 };
const hooks = { startWith: 3000, keepSize: true };

describe('links', () => {
  let stage;
  before(async () => {
    stage = await Stage.start({ picture: { width, height } });
  });
  after(() => stage?.close());

  /** Ana's camera in three layers, and what Ben sees of it over a link. */
  async function layersTo(call, link) {
    const Ana = await call.publisher('Ana', { camera, hooks });
    await call.enter('Cleo'); // for whom Ana goes on sending all layers
    await sendsAll(Ana, width, 3);
    return call.subscriber('Ben', ['Ana'], { link });
  }

  test('1 Mb/s, 50 ms: the link is used, and its queue stays short', () =>
    stage.call({}, async (call) => {
      const Ben = await layersTo(call, { up: { latencyMs: 50 }, down: { latencyMs: 50, rate: 1_000_000, queueMs: 400 } });
      await sleep(15_000);
      await steadily(async (tell) => {
        const report = await seen(Ben, 'Ana', 15_000);
        tell(report);
        console.log('1 Mb/s', inShort(report), JSON.stringify(await estimates(Ben)));
        // Of 1.5 Mb/s, 0.5 and 0.2, that is the layer that fits.
        assert.deepEqual(report.sizes.map((each) => each.width), [width / 2]);
        assert.ok(report.link.down.queue.p95 <= 100, `the queue's 95th percentile is ${report.link.down.queue.p95} ms`);
        const above = longestAbove(report.link.down, 1_000_000);
        assert.ok(above <= 1000, `for ${above} ms more was sent than the link carries`);
        assert.ok(report.longestGap.ms <= 500, `for ${report.longestGap.ms} ms no frame was shown`);
        assert.deepEqual(report.brokenFrames, []);
        for (const estimate of await estimates(Ben)) {
          assert.ok(estimate >= 850_000 && estimate <= 1_050_000, `the estimate is ${estimate}`);
        }
      });
    }));

  test('3 Mb/s → 0.8 Mb/s → 3 Mb/s: a lower layer within 2 s, the top one again within 12 s', () =>
    stage.call({}, async (call) => {
      const rate = (rate) => ({ up: { latencyMs: 25 }, down: { latencyMs: 25, rate, queueMs: 400 } });
      const Ben = await layersTo(call, rate(3_000_000));
      await steadily(async (tell) => {
        await sleep(12_000);
        const report = await seen(Ben, 'Ana', async () => {
          await sleep(3000);
          await Ben.link.set(rate(800_000));
          await sleep(15_000);
          await Ben.link.set(rate(3_000_000));
          await sleep(14_000);
        });
        tell(report);
        console.log('3 → 0.8 → 3 Mb/s', inShort(report));
        const [first, ...changes] = report.sizes;
        assert.equal(first.width, width, 'it does not begin with the top layer');
        const down = changes.find(({ at }) => at > 3000);
        assert.ok(down?.width < width && down.at <= 5000, `the lower layer came ${down ? down.at - 3000 : '∞'} ms after the link got slow`);
        const up = changes.find((each) => each.at > 18_000 && each.width === width);
        assert.ok(up && up.at <= 30_000, `the top layer came ${up ? up.at - 18_000 : '∞'} ms after the link got fast`);
        assert.equal(report.sizes.at(-1).width, width);
        assert.ok(report.longestGap.ms <= 1000, `for ${report.longestGap.ms} ms no frame was shown`);
        assert.deepEqual(report.brokenFrames, []);
      });
    }));

  test('bursts of 200 ms of jitter: at most two switches a minute', () =>
    stage.call({}, async (call) => {
      const link = { latencyMs: 25, rate: 3_000_000, queueMs: 400 };
      const Ben = await layersTo(call, { up: { latencyMs: 25 }, down: { ...link, stallMs: 200, stallEvery: 3000 } });
      await sleep(10_000);
      await steadily(async (tell) => {
        const report = await seen(Ben, 'Ana', 30_000);
        tell(report);
        console.log('jitter', inShort(report), JSON.stringify(await estimates(Ben)));
        // Of half a minute: one.
        assert.ok(report.sizes.length - 1 <= 1, `${report.sizes.length - 1} switches in 30 s`);
        assert.deepEqual(report.brokenFrames, []);
      });
    }));

  test('two streams on 1.5 Mb/s, priorities 2 : 1: the one of higher priority is never the smaller', () =>
    stage.call({}, async (call) => {
      for (const name of ['Ana', 'Eva']) await sendsAll(await call.publisher(name, { camera, hooks }), width, 3);
      const link = { up: { latencyMs: 25 }, down: { latencyMs: 25, rate: 1_500_000, queueMs: 400 } };
      const Ben = await call.subscriber('Ben', ['Ana', 'Eva'], { link });
      await Ben.call(() => app.streamOf('Ana').prefer('video', { priority: 20 }));
      await Ben.call(() => app.streamOf('Eva').prefer('video', { priority: 10 }));
      const streams = await Ben.call(() => ['Ana', 'Eva'].map((user) => app.streamOf(user).id));
      await sleep(15_000);
      await steadily(async (tell) => {
        let other;
        const report = await seen(Ben, 'Ana', async () => {
          other = await seen(Ben, 'Eva', 15_000);
        });
        tell(report);
        console.log('of higher priority', inShort(report), '\nof lower', inShort(other), JSON.stringify(await estimates(Ben)));
        for (const { at, server } of report.seconds) {
          const [high, low] = streams.map((stream) => chosen(server, stream));
          assert.ok(high >= low, `after ${at} ms the server has chosen ${high} lines for the higher priority, and ${low} for the lower`);
        }
        assert.ok(chosen(report.seconds.at(-1).server, streams[0]) > 0, 'nothing is chosen for the higher priority');
        assert.ok(report.link.down.queue.p95 <= 150, `the queue's 95th percentile is ${report.link.down.queue.p95} ms`);
        for (const each of [report, other]) {
          assert.ok(each.longestGap.ms <= 1000, `for ${each.longestGap.ms} ms no frame was shown`);
          assert.deepEqual(each.brokenFrames, []);
        }
      });
    }));
});

/** How many lines high the layer is that the server has chosen of a stream's video; 0 for none. */
function chosen(server, stream) {
  const slots = server.flatMap(({ subscribed }) => subscribed ?? []);
  return slots.find((slot) => slot.stream === stream && slot.layer?.height)?.layer.height ?? 0;
}

/** What the server believes a tab's link carries, bit/s. */
function estimates(tab) {
  return tab.call(async () => {
    const { server } = await app.room.getStats({ server: true });
    return server.map(({ router }) => router.link?.estimate ?? 0);
  });
}
