// Five packets of a hundred are lost each way: nothing freezes for a second,
// and retransmissions carried it.

import assert from 'node:assert/strict';
import { sleep } from '../lib/until.mjs';
import { drop, sees, setUp, withCall } from './call.mjs';

setUp('ip link set lo up');

await withCall({}, async ({ Ana, Ben }) => {
  await sees(Ana, 'Ben');
  await sees(Ben, 'Ana');
  await sleep(3000); // the encoder finds its rate
  drop('meta l4proto udp numgen random mod 100 < 5');

  // The longest time between two frames that Ben was shown.
  await Ben.call(() => {
    const video = document.querySelector(`video[data-stream="${app.streamOf('Ana').id}"]`);
    app.longestGap = 0;
    let last = performance.now();
    const frame = (now) => {
      app.longestGap = Math.max(app.longestGap, now - last);
      last = now;
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  });
  await sleep(15_000);

  const gap = await Ben.call(() => app.longestGap);
  const received = await Ben.call(async () => {
    const { raw } = await app.room.getStats();
    const video = [...raw.values()].find((r) => r.type === 'inbound-rtp' && r.kind === 'video' && r.framesDecoded > 0);
    return { retransmitted: video.retransmittedPacketsReceived, nacks: video.nackCount, frames: video.framesDecoded };
  });
  const sent = await Ana.call(async () => {
    const { raw } = await app.room.getStats();
    const video = [...raw.values()].find((r) => r.type === 'outbound-rtp' && r.kind === 'video');
    return { retransmitted: video.retransmittedPacketsSent, nacks: video.nackCount };
  });
  console.log(JSON.stringify({ gap, received, sent }));
  assert.ok(gap > 0 && gap < 1000, `the longest gap between frames was ${gap} ms`);
  assert.ok(received.retransmitted > 0, 'the server repeated nothing to the subscriber');
  assert.ok(sent.retransmitted > 0, 'the publisher repeated nothing to the server');
});
