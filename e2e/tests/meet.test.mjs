// The meeting page, as the binary serves it: guests meet on Chromium and Firefox.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { accessible } from '../lib/accessibility.mjs';
import { startChromium, startFirefox } from '../lib/browsers.mjs';
import { comeIn, hears, inState, meetingURL, names, press, sees, textOf, tile } from '../lib/meeting.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';
import { layWire } from '../lib/wire.mjs';

describe('the meeting page', () => {
  const room = 'supper';
  let server;
  let chromium;
  let wire;
  let Ana;
  let Ben;

  before(async () => {
    server = await Server.start();
    wire = await layWire(server.port);
    chromium = await startChromium();
  });

  after(async () => {
    await chromium?.close();
    wire?.close();
    await server?.stop();
  });

  test('from the landing by way of the lobby into the meeting', async () => {
    Ana = await chromium.open(server.url);
    await inState(Ana, 'landing');
    await accessible(Ana, 'the landing');
    await Ana.page.getByTestId('room-name').fill('Supper');
    await press(Ana, 'open-room');
    await inState(Ana, 'lobby');
    assert.equal(new URL(Ana.page.url()).pathname, `/m/${room}`);
    await until('the preview moves', () => Ana.call(() => document.querySelector('[data-testid="preview"]')?.currentTime > 0));
    await until('the level meter moves', () => Ana.call(() => document.querySelector('[data-testid="meter"]').ariaValueNow > 0));
    await accessible(Ana, 'the lobby');
    await Ana.page.getByTestId('name').fill('Ana');
    await press(Ana, 'join');
    await inState(Ana, 'meeting');
    assert.deepEqual(await names(Ana), ['Ana']);
    assert.equal(await textOf(Ana, 'invite-copy'), 'Copy the link');
  });

  test('who comes by a link is there at once: two see and hear each other', async () => {
    // Ben's wire can be cut.
    Ben = await comeIn(chromium, wire, room, 'Ben');
    await Promise.all([sees(Ana, 'Ben'), sees(Ben, 'Ana'), hears(Ana), hears(Ben)]);
    assert.deepEqual(await names(Ben), ['Ana', 'Ben']);
    assert.equal(await textOf(Ana, 'invite-copy'), null);
  });

  test('a muted microphone shows on the tile of the other', async () => {
    await Ben.page.keyboard.press('m');
    await until('Ana sees it', async () => (await tile(Ana, 'Ben')).mic === 'muted');
    assert.match((await tile(Ana, 'Ben')).label, /Ben, muted/);
    await press(Ben, 'mic');
    await until('Ana sees that too', async () => (await tile(Ana, 'Ben')).mic === 'on');
  });

  test('a camera that is off leaves a face without a picture', async () => {
    await press(Ben, 'camera');
    await until('Ana sees an avatar', async () => {
      const { camera, avatar, width } = await tile(Ana, 'Ben');
      return camera === 'muted' && avatar && width === 0;
    });
    await press(Ben, 'camera');
    await sees(Ana, 'Ben');
    await until('the avatar is gone', async () => !(await tile(Ana, 'Ben')).avatar);
  });

  test('chat goes both ways, and counts what is unread', async () => {
    const write = async (tab, text) => {
      await tab.page.getByTestId('chat-input').fill(text);
      await press(tab, 'chat-send');
    };
    const lines = (tab) => tab.call(() => [...document.querySelectorAll('.bubble')].map((line) => line.textContent.trim()));
    await press(Ben, 'chat');
    await write(Ben, 'hello');
    await until('Ana has one unread', async () => (await textOf(Ana, 'unread')) === '1');
    await write(Ben, 'look at https://example.org/');
    await until('and another', async () => (await textOf(Ana, 'unread')) === '2');
    await press(Ana, 'chat');
    await until('nothing is unread', async () => (await textOf(Ana, 'unread')) === null);
    await write(Ana, 'and to you');
    await until('Ben has the answer', async () => (await lines(Ben)).length === 3);
    assert.deepEqual(await lines(Ben), ['hello', 'look at https://example.org/', 'and to you']);
    assert.deepEqual(await lines(Ana), await lines(Ben));
    assert.equal(await Ana.call(() => document.querySelector('.bubble a').href), 'https://example.org/');
    await accessible(Ana, 'the meeting with its chat');
    await press(Ana, 'people');
    await until('the list of people', () => Ana.call(() => document.querySelectorAll('[data-person]').length === 2));
    await Ana.page.getByTestId('close-panel').focus();
    await Ana.page.keyboard.press('Enter');
    await until('the keyboard is back at the button', () => Ana.call(() => document.activeElement.dataset.testid === 'people'));
    await press(Ben, 'close-panel');
  });

  test('a shared screen becomes the stage', async () => {
    await press(Ben, 'screen');
    await until('Ana sees the screen', () => Ana.call(() => document.querySelector('[data-share][data-stage] video')?.videoWidth > 0));
    assert.equal(await Ana.call(() => document.querySelector('[data-testid="area"]').dataset.layout), 'stage');
    assert.deepEqual(await names(Ana), ['Ana', 'Ben']);
    assert.match(await textOf(Ben, 'sharing'), /You are sharing your screen/);
    await accessible(Ana, 'the meeting with a stage');
    await press(Ben, 'screen');
    await until('the grid is back', () => Ana.call(() => document.querySelector('[data-testid="area"]').dataset.layout === 'grid'));
  });

  test('a cut connection says Reconnecting…, and the meeting goes on', async () => {
    wire.cut();
    await inState(Ben, 'reconnecting');
    assert.match(await textOf(Ben, 'reconnecting'), /Reconnecting…/);
    await sees(Ben, 'Ana'); // media needs no WebSocket
    wire.mend();
    await inState(Ben, 'meeting');
    assert.equal(await textOf(Ben, 'reconnecting'), null);
    await press(Ben, 'mic');
    await until('Ana is told again', async () => (await tile(Ana, 'Ben')).mic === 'muted');
    await press(Ben, 'mic');
  });

  test('who leaves is gone, and may come back', async () => {
    await press(Ana, 'leave');
    await inState(Ana, 'left');
    await until('a screen reader is at what the new page says', () => Ana.call(() => document.activeElement.localName === 'h1'));
    await until('Ben is alone', async () => (await names(Ben)).length === 1);
    await accessible(Ana, 'the page after the meeting');
    await press(Ana, 'rejoin');
    await inState(Ana, 'lobby');
    await until('the devices are open', () => Ana.call(() => document.querySelector('[data-testid="preview"]') !== null));
    await press(Ana, 'join');
    await inState(Ana, 'meeting');
    await Promise.all([sees(Ana, 'Ben'), sees(Ben, 'Ana')]);
    await Ben.close();
    await until('a closed window is somebody who left', async () => (await names(Ana)).length === 1);
  });

  test('Firefox takes part', async () => {
    const firefox = await startFirefox();
    try {
      const Finn = await comeIn(firefox, server, room, 'Finn');
      await Promise.all([sees(Ana, 'Finn'), sees(Finn, 'Ana'), hears(Finn)]);
      // Its fake microphone hums all the time; Chromium's only beeps.
      await until('the speaker is marked', () => Ana.call(() => document.querySelector('[data-name="Finn"]').dataset.speaking === 'true'));
    } finally {
      await firefox.close();
    }
    await until('a browser that ends is somebody who left', async () => (await names(Ana)).length === 1, { seconds: 45 });
  });

  test('a forbidden camera is told in words, and keeps nobody out', async () => {
    const strict = await startChromium({ flags: ['--use-fake-ui-for-media-stream=deny'] });
    try {
      const tab = await strict.open(meetingURL(server, room, { name: 'Dora' }), { permissions: [] });
      await inState(tab, 'lobby');
      await until('the words', async () => /may not be used.*Allow it in the site settings/s.test(await textOf(tab, 'problem')));
      await accessible(tab, 'the lobby without devices');
      assert.equal(await textOf(tab, 'join'), 'Come in to listen and chat');
      await press(tab, 'join');
      await inState(tab, 'meeting');
      await sees(tab, 'Ana');
      assert.equal((await tile(tab, 'Dora')).camera, 'none');
    } finally {
      await strict.close();
    }
  });
});

test('with --meet=off neither the page nor its door is open', async () => {
  const server = await Server.start({ args: ['--meet=off'] });
  try {
    for (const path of ['/', '/m/supper']) {
      const page = await fetch(server.url + path);
      assert.equal(page.status, 404);
      assert.match(await page.text(), /No meetings for guests here/);
    }
    const door = await fetch(`${server.url}/v1/meet/supper/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ana' }),
    });
    assert.equal(door.status, 403);
    assert.match((await door.json()).detail, /does not let guests in/);
  } finally {
    await server.stop();
  }
});
