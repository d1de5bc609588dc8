// A data channel of a stream, with three receivers, of which one stalls.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveApplication } from '../lib/application.mjs';
import { startChromium, startFirefox } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';

describe('data channels', () => {
  let server;
  let application;
  let chromium;
  let firefox;
  const people = {};

  before(async () => {
    server = await Server.start();
    application = await serveApplication();
    [chromium, firefox] = [await startChromium(), await startFirefox()];
    const room = await server.room('channels');
    for (const [name, browser] of [['Ana', chromium], ['Ben', chromium], ['Cleo', chromium], ['Finn', firefox]]) {
      const tab = await browser.open(application.url);
      const token = await server.token(room, name);
      await tab.call(({ url, token }) => app.join(url, token), { url: server.url, token });
      people[name] = tab;
    }
    await people.Ana.call(async () => {
      app.local.data = Tertulia.LocalStream.data();
      app.sent = {
        ordered: app.local.data.openChannel('ordered'),
        lossy: app.local.data.openChannel('lossy', { ordered: false, maxRetransmits: 0 }),
      };
      await app.room.publish(app.local.data);
    });
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    application?.close();
    await server?.stop();
  });

  test('messages arrive in order, under the label of their channel', async () => {
    for (const name of ['Ben', 'Cleo', 'Finn']) {
      await until(`${name} has both channels`, () => people[name].call(() => Boolean(app.channels.ordered && app.channels.lossy)));
    }
    await people.Ana.call(() => {
      for (let i = 0; i < 100; i++) app.sent.ordered.send(String(i));
      app.sent.ordered.send(new ArrayBuffer(60_000));
      app.sent.lossy.send('perhaps');
    });
    const wanted = [...Array.from({ length: 100 }, (_, i) => String(i)), 60_000];
    for (const name of ['Ben', 'Cleo', 'Finn']) {
      await until(`${name} has all`, () => people[name].call(() => app.channels.ordered.messages.length >= 101));
      assert.deepEqual(await people[name].call(() => app.channels.ordered.messages), wanted);
      await until(`${name} has the lossy one`, () => people[name].call(() => app.channels.lossy.messages.length === 1));
    }
  });

  test('a receiver that stalls delays nobody', async () => {
    // Cleo's tab does nothing for twenty-four seconds, and reads nothing.
    const stalled = people.Cleo.call(() => {
      const end = Date.now() + 24_000;
      while (Date.now() < end);
    });
    const count = 400;
    const started = Date.now();
    await people.Ana.call(async (count) => {
      const chunk = new ArrayBuffer(16_000);
      for (let i = 0; i < count; i++) {
        while (app.sent.ordered.bufferedAmount > 200_000) await new Promise((r) => setTimeout(r, 5));
        app.sent.ordered.send(chunk);
        // About a megabyte a second: who cannot read even that is let go of, on a busy machine too.
        await new Promise((r) => setTimeout(r, 15));
      }
    }, count);
    for (const name of ['Ben', 'Finn']) {
      await until(`${name} has them all`, () => people[name].call((n) => app.channels.ordered.messages.length >= n, 101 + count), { seconds: 22 });
    }
    const took = Date.now() - started;
    assert.ok(took < 23_000, `the others waited ${took} ms`);
    await stalled;
  });
});
