// Measures how long a join takes in Chromium: from just before `connect` to the
// first decoded frame of a camera that is being published already.
//
//   node e2e/benchmarks/join.mjs [joins]
//
// It prints one line for people and one of JSON.

import { loadavg } from 'node:os';

import { serveApplication } from '../lib/application.mjs';
import { startChromium } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';

const joins = Number(process.argv[2] ?? 20);
const server = await Server.start();
const application = await serveApplication();
const chromium = await startChromium();
try {
  const room = await server.room('join');
  const ana = await chromium.open(application.url);
  await ana.call(({ url, token }) => app.join(url, token), { url: server.url, token: await server.token(room, 'ana') });
  await ana.call(() => app.publish());
  const ben = await chromium.open(application.url);
  const results = [];
  for (let i = 0; i <= joins; i++) {
    const result = await ben.call(join, { url: server.url, token: await server.token(room, 'ben') });
    if (i > 0) results.push(result); // the first one also loads code
    // Ben is gone for Ana too, and not always at the same time after a keyframe.
    await until('ben is gone', () => ana.call(() => app.room.participants.size <= 1));
    await sleep(500 + Math.random() * 1000);
  }
  const load = loadavg()[0].toFixed(1);
  const entered = statistics(results.map((r) => r.entered));
  const connected = statistics(results.map((r) => r.connected));
  const frame = statistics(results.map((r) => r.frame));
  console.log(
    `joins: ${results.length}; first frame after ${frame.median} ms (median; ${frame.least}–${frame.most}, 90 % within ${frame.p90}),` +
      ` entered after ${entered.median} ms, connected after ${connected.median} ms; load average ${load}`,
  );
  console.log(JSON.stringify({ benchmark: 'join', joins: results.length, frame, connected, entered, load: Number(load) }));
} finally {
  await chromium.close();
  application.close();
  await server.stop();
}

/** In the page: joins, waits for the first frame, and leaves again. */
async function join({ url, token }) {
  const begun = performance.now();
  const since = () => Math.round(performance.now() - begun);
  const result = {};
  const connections = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...all) {
      super(...all);
      connections.push(this);
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') result.connected ??= since();
      });
    }
  };
  const room = await Tertulia.connect(url, token);
  window.RTCPeerConnection = Original;
  result.entered = since();
  const video = document.createElement('video');
  video.autoplay = video.muted = video.playsInline = true;
  document.body.append(video);
  const stream = await new Promise((resolve) => {
    for (const each of room.streams.values()) resolve(each);
    room.on('stream-published', resolve);
  });
  video.srcObject = stream.mediaStream;
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no frame within ten seconds')), 10_000);
    video.requestVideoFrameCallback(resolve);
  });
  result.frame = since();
  await room.leave();
  video.remove();
  return result;
}

function statistics(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: at(0.5), p90: at(0.9), least: sorted[0], most: sorted.at(-1) };
}
