// Cuts: of the WebSocket, while video plays on; and of the whole server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sees, serveApplication } from '../lib/application.mjs';
import { startChromium } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';

describe('cuts', () => {
  let server;
  let application;
  let chromium;
  let room;
  let Ana;
  let Ben;

  before(async () => {
    server = await Server.start();
    application = await serveApplication();
    chromium = await startChromium();
    room = await server.room('cuts');
    for (const name of ['Ana', 'Ben']) {
      const tab = await chromium.open('about:blank');
      // Sockets are kept where the test can cut them, before the SDK loads.
      await tab.page.addInitScript(() => {
        const Native = WebSocket;
        globalThis.sockets = [];
        globalThis.WebSocket = class extends Native {
          constructor(...args) {
            super(...args);
            globalThis.sockets.push(this);
          }
        };
      });
      await tab.page.goto(application.url);
      const url = server.url;
      // The function is asked for a fresh token when a resume is refused.
      await tab.page.exposeFunction('freshToken', () => server.token(room, name));
      await tab.call((url) => app.join(url, () => freshToken()), url);
      await tab.call(() => app.publish());
      if (name === 'Ana') Ana = tab;
      else Ben = tab;
    }
    await until('Ben sees Ana', async () => (await Ben.call(() => app.video('Ana')))?.frames > 5);
  });

  after(async () => {
    await chromium?.close();
    application?.close();
    await server?.stop();
  });

  test('the socket is cut: video plays on, and nothing is lost or seen twice', async () => {
    const before = await Ben.call(() => app.video('Ana'));
    await Ana.call(() => app.room.send('one'));
    await Ben.call(() => {
      app.events.length = 0;
      sockets.at(-1).close();
    });
    for (const text of ['two', 'three', 'four']) await Ana.call((text) => app.room.send(text), text);
    await until('Ben is back', () => Ben.call(() => app.room.state === 'connected' && app.events.includes('state connected')));
    await Ana.call(() => app.room.send('five'));
    await until('Ben has the last message', () => Ben.call(() => app.messages.some((m) => m.data === 'five')));
    assert.deepEqual(await Ben.call(() => app.messages.map((m) => m.data)), ['one', 'two', 'three', 'four', 'five']);
    const after = await Ben.call(() => app.video('Ana'));
    assert.ok(after.frames > before.frames, 'the video stood still');
    assert.equal(await Ben.call(() => sockets.length), 2);
    assert.deepEqual(await Ana.call(() => app.events), [], 'Ana noticed nothing');
  });

  test('what was sent while the socket was cut arrives once', async () => {
    await Ana.call(() => {
      sockets.at(-1).close();
      return app.room.send('from the dark').then(() => null);
    });
    await sleep(500);
    assert.equal(await Ben.call(() => app.messages.filter((m) => m.data === 'from the dark').length), 1);
  });

  test('the server is killed and started again: both come back by themselves', async () => {
    await server.restart('SIGKILL');
    for (const [name, tab, other] of [['Ana', Ana, 'Ben'], ['Ben', Ben, 'Ana']]) {
      await until(`${name} is back`, () => tab.call(() => app.room.state === 'connected'), { seconds: 30 });
      await sees(tab, other, { seconds: 30 });
    }
    await Ana.call(() => app.room.send('after all'));
    await until('Ben has the message', () => Ben.call(() => app.messages.some((m) => m.data === 'after all')));
  });

  test('the server ends in order: clients come back to the next one', async () => {
    const code = await server.end('SIGTERM');
    assert.equal(code, 0);
    await server.run();
    await until('Ben is back', () => Ben.call(() => app.room.state === 'connected'), { seconds: 30 });
    await until('Ben sees Ana', async () => {
      const first = await Ben.call(() => app.video('Ana'));
      await sleep(500);
      return (await Ben.call(() => app.video('Ana')))?.frames > first?.frames;
    }, { seconds: 30 });
  });
});
