// A call: three people on Chromium and one on Firefox see and hear each other,
// from a page on another origin, by way of the SDK.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hears, sees, serveApplication } from '../lib/application.mjs';
import { startChromium, startFirefox } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';

describe('a call', () => {
  let server;
  let application;
  let chromium;
  let firefox;
  let room;
  const people = {};

  before(async () => {
    server = await Server.start();
    application = await serveApplication();
    room = await server.room('call');
    [chromium, firefox] = [await startChromium(), await startFirefox()];
    for (const [name, browser] of [['Ana', chromium], ['Ben', chromium], ['Cleo', chromium], ['Finn', firefox]]) {
      people[name] = await browser.open(application.url);
    }
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    application?.close();
    await server?.stop();
  });

  test('everybody decodes everybody', async () => {
    for (const [name, tab] of Object.entries(people)) {
      const token = await server.token(room, name);
      await tab.call(({ url, token }) => app.join(url, token), { url: server.url, token });
      await tab.call(() => app.publish());
    }
    for (const [name, tab] of Object.entries(people)) {
      for (const other of Object.keys(people).filter((o) => o !== name)) await sees(tab, other);
    }
  });

  test('everybody hears everybody', async () => {
    for (const [name, tab] of Object.entries(people)) {
      for (const other of Object.keys(people).filter((o) => o !== name)) await hears(tab, other);
    }
  });

  test('a message reaches all others, once', async () => {
    await people.Ana.call(() => app.room.send({ text: 'hello' }));
    for (const name of ['Ben', 'Cleo', 'Finn']) {
      await until(`${name} has the message`, () => people[name].call(() => app.messages.length > 0));
    }
    for (const name of ['Ben', 'Cleo', 'Finn']) {
      const messages = await people[name].call(() => app.messages.map((m) => ({ data: m.data, from: m.participant?.user })));
      assert.deepEqual(messages, [{ data: { text: 'hello' }, from: 'Ana' }]);
    }
    assert.equal(await people.Ana.call(() => app.messages.length), 0);
  });

  test('a muted track is told, and silent', async () => {
    await people.Ana.call(() => app.local.camera.mute('audio'));
    await until('Ben is told', () => people.Ben.call(() => app.tracks('Ana').some((t) => t.kind === 'audio' && t.muted)));
    await until('Ben hears nothing', async () => (await people.Ben.call(() => app.loudness('Ana'))) < 0.005);
    await people.Ana.call(() => app.local.camera.unmute('audio'));
    await hears(people.Ben, 'Ana');
  });

  test('a shared screen is seen', async () => {
    await people.Cleo.call(async () => {
      app.local.screen = await Tertulia.LocalStream.screen();
      await app.room.publish(app.local.screen);
    });
    const id = await people.Cleo.call(() => app.local.screen.id);
    for (const name of ['Ana', 'Finn']) {
      await until(`${name} sees the screen`, () =>
        people[name].call((id) => document.querySelector(`video[data-stream="${id}"]`)?.videoWidth > 0, id),
      );
    }
    await people.Cleo.call(() => app.room.unpublish(app.local.screen));
    await until('the screen is gone', () => people.Ana.call((id) => !app.room.streams.has(id), id));
  });

  test('a kicked participant is out', async () => {
    await people.Ana.call(() => {
      const cleo = [...app.room.participants.values()].find((p) => p.user === 'Cleo');
      return app.room.kick(cleo, 'the test says so').then(() => null);
    });
    await until('Cleo knows', () => people.Cleo.call(() => app.events.includes('ended kicked')));
    await until('Ben knows', () => people.Ben.call(() => app.events.includes('left Cleo kicked')));
  });
});
