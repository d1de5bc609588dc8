// What one browser sends and another cannot take: RED is unwrapped, and a codec
// that is lacking is told in words. And a viewer may only view.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveApplication } from '../lib/application.mjs';
import { startChromium, startFirefox } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';

describe('codecs and roles', () => {
  let server;
  let application;
  let chromium;
  let firefox;

  before(async () => {
    server = await Server.start();
    application = await serveApplication();
    [chromium, firefox] = [await startChromium(), await startFirefox()];
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    application?.close();
    await server?.stop();
  });

  async function enter(browser, room, name, role) {
    const tab = await browser.open(application.url);
    const token = await server.token(room, name, role);
    await tab.call(({ url, token }) => app.join(url, token), { url: server.url, token });
    return tab;
  }

  /** The codec of the first sender of a kind, as WebRTC statistics have it. */
  const sending = (tab, kind) =>
    tab.call(async (kind) => {
      const { raw } = await app.room.getStats();
      const sender = [...raw.values()].find((r) => r.type === 'outbound-rtp' && r.kind === kind && r.packetsSent > 10);
      return sender && raw.get(sender.codecId)?.mimeType;
    }, kind);

  test('a RED publisher is heard in Firefox, which knows no RED, and in Chromium, which does', async () => {
    const room = await server.room('red', { codecs: ['VP8', 'red', 'opus'] });
    const Ana = await enter(chromium, room, 'Ana');
    const Ben = await enter(chromium, room, 'Ben');
    const Finn = await enter(firefox, room, 'Finn');
    await Ana.call(() => app.publish());
    await until('the server gets RED from Ana', async () => {
      const { server } = await Ana.call(async () => ({ server: (await app.room.getStats({ server: true })).server }));
      return server[0].router.published.some((track) => track.track === 'a1' && track.red > 20);
    });
    for (const tab of [Ben, Finn]) {
      await until('Ana is heard', async () => (await tab.call(() => app.loudness('Ana'))) > 0.01);
    }
    for (const tab of [Ana, Ben, Finn]) await tab.close();
  });

  test('an H264 publisher shows Firefox the reason, and Chromium the picture', async () => {
    const room = await server.room('h264', { codecs: ['H264', 'opus'] });
    const Ana = await enter(chromium, room, 'Ana');
    const Ben = await enter(chromium, room, 'Ben');
    const Finn = await enter(firefox, room, 'Finn');
    await Ana.call(() => app.publish());
    assert.equal(await until('Ana sends video', () => sending(Ana, 'video')), 'video/H264');
    await until('Ben sees Ana', async () => (await Ben.call(() => app.video('Ana')))?.frames > 10);
    const track = await until('Finn is told', () =>
      Finn.call(() => app.tracks('Ana').find((t) => t.kind === 'video' && t.state === 'codec-unsupported')),
    );
    assert.match(track.reason, /H264/);
    await until('Finn hears Ana', async () => (await Finn.call(() => app.loudness('Ana'))) > 0.01);
    for (const tab of [Ana, Ben, Finn]) await tab.close();
  });

  for (const codec of ['VP9', 'AV1']) {
    test(`${codec} is forwarded to Chromium and Firefox`, async () => {
      const room = await server.room(codec, { codecs: [codec, 'opus'] });
      const Ana = await enter(chromium, room, 'Ana');
      const Ben = await enter(chromium, room, 'Ben');
      const Finn = await enter(firefox, room, 'Finn');
      await Ana.call(() => app.publish());
      assert.equal(await until('Ana sends video', () => sending(Ana, 'video')), `video/${codec}`);
      for (const tab of [Ben, Finn]) await until('Ana is seen', async () => (await tab.call(() => app.video('Ana')))?.frames > 10);
      for (const tab of [Ana, Ben, Finn]) await tab.close();
    });
  }

  test('a viewer sees, and may not publish', async () => {
    const room = await server.room('roles');
    const Ana = await enter(chromium, room, 'Ana');
    await Ana.call(() => app.publish());
    const Vic = await enter(chromium, room, 'Vic', 'viewer');
    await until('Vic sees Ana', async () => (await Vic.call(() => app.video('Ana')))?.frames > 5);
    const code = await Vic.call(() => app.publish().then(() => 'published', (error) => error.code));
    assert.equal(code, 'forbidden');
    const message = await Vic.call(() => app.room.send('hello').then(() => 'sent', (error) => error.code));
    assert.equal(message, 'forbidden');
    assert.equal((await server.api('GET', `/v1/rooms/${room.id}/streams`)).streams.length, 1);
  });
});
