// examples/basic: people meet on it, with a client library of ours, and with
// Licode's own where LICODE_CLIENT names a folder with it.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { start } from '../../examples/basic/server.mjs';
import { accessible } from '../lib/accessibility.mjs';
import { startChromium } from '../lib/browsers.mjs';
import { libraries, licodeClient, withoutLicode } from '../licode/application.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';
import { layWire } from '../lib/wire.mjs';

const status = (tab) => tab.call(() => document.querySelector('[data-testid="status"]').textContent);

/** The people that are seen, without oneself. */
const seen = (tab) =>
  tab.call(() =>
    [...document.querySelectorAll('.tile:not([data-own])')].filter((tile) => tile.querySelector('video').videoWidth > 0 && tile.querySelector('video').currentTime > 0).map((tile) => tile.dataset.name).sort(),
  );

const meet = (tab, names) => until(`${names} are seen`, async () => String(await seen(tab)) === String(names));

describe('examples/basic without an erizo.js', () => {
  let chromium;
  let example;

  after(async () => {
    await chromium?.close();
    example?.close();
  });

  test('the page says what to do', async () => {
    example = await start({ nuve: { url: 'http://127.0.0.1:9/nuve/', id: 'x', key: 'x' }, client: undefined, port: 0 });
    chromium = await startChromium();
    const tab = await chromium.open(example.url);
    assert.match(await tab.page.getByTestId('missing').innerText(), /erizo\.js[^]*--client/);
    assert.equal(await tab.page.getByTestId('join').isVisible(), false);
    await accessible(tab, 'without erizo.js');
  });
});

function basic(title, { library, skip = false }) {
  describe(title, { skip }, () => {
    let server;
    let wire;
    let example;
    let folder;
    let chromium;
    let Ana;
    let Ben;

    const come = (name, more) => chromium.open(`${example.url}?${new URLSearchParams({ name, noStart: 1, ...more })}`);

    before(async () => {
      server = await Server.start();
      wire = await layWire(server.port); // tokens lead to where they were asked for
      folder = await mkdtemp(join(tmpdir(), 'basic-'));
      await writeFile(join(folder, 'erizo.js'), (await Promise.all(library.map((part) => readFile(part, 'utf8')))).join('\n'));
      example = await start({ nuve: { url: `${wire.url}/nuve/`, id: server.service, key: server.key }, client: folder, port: 0 });
      chromium = await startChromium();
    });

    after(async () => {
      await chromium?.close();
      example?.close();
      wire?.close();
      await server?.stop();
      if (folder) await rm(folder, { recursive: true });
    });

    test('two come in, by the form and by a link, and see each other', async () => {
      Ana = await chromium.open(example.url);
      await accessible(Ana, 'the form');
      await Ana.page.getByLabel('Your name').fill('Ana');
      await Ana.page.getByRole('button', { name: 'Join' }).click();
      await until('Ana is in', async () => (await status(Ana)) === 'Connected');
      Ben = await come('Ben');
      await Promise.all([meet(Ana, ['Ben']), meet(Ben, ['Ana'])]);
      await accessible(Ana, 'the meeting');
    });

    test('they write, and raise a hand', async () => {
      await Ana.page.getByTestId('text').fill('hello <b>Ben</b>');
      await Ana.page.getByTestId('text').press('Enter');
      await until('Ben reads it', async () => /^Ana:\s*hello <b>Ben<\/b>$/.test(await Ben.page.getByTestId('messages').innerText()));
      await Ben.page.getByTestId('hand').click();
      await until('Ana sees it', () => Ana.call(() => document.querySelector('.tile[data-name="Ben"] figcaption').textContent === 'Ben, hand raised'));
    });

    test('a shared screen, and a stream that is not watched any more', async () => {
      await Ben.page.getByTestId('screen').click();
      await meet(Ana, ['Ben', 'Ben']);
      await Ben.page.getByTestId('screen').click();
      await meet(Ana, ['Ben']);
      await Ana.page.getByRole('button', { name: 'Stop: Ben, hand raised' }).click();
      await meet(Ana, []);
      await Ana.page.getByRole('button', { name: 'Watch Ben' }).click();
      await meet(Ana, ['Ben']);
    });

    test('who is cut off comes back, though the first attempt fails', async () => {
      wire.cut();
      await until('Ana has lost it', async () => (await status(Ana)) === 'Reconnecting…');
      await sleep(2000); // attempts come after 1, 2 and 4 seconds, or half more or less
      assert.equal(await status(Ana), 'Reconnecting…');
      wire.mend();
      for (const tab of [Ana, Ben]) await until('they are back', async () => (await status(tab)) === 'Connected');
      await Promise.all([meet(Ana, ['Ben']), meet(Ben, ['Ana'])]);
    });

    test('leave', async () => {
      await Ben.page.getByTestId('leave').click();
      await meet(Ana, []);
      assert.equal(await status(Ben), 'You have left.');
      assert.ok(await Ben.page.getByTestId('join').isVisible());
      await Promise.all([Ana.close(), Ben.close()]);
    });

    for (const [what, more] of [
      ['a connection for each stream', { singlePC: 0 }],
      ['simulcast', { simulcast: 1 }],
      ['VP9', { mediaConfiguration: 'VP9_AND_OPUS' }],
      ['a p2p room', { type: 'p2p' }],
    ]) {
      test(`with ${what}`, async () => {
        const query = { room: what, ...more };
        const [Cleo, Dora] = [await come('Cleo', query), await come('Dora', query)];
        await Promise.all([meet(Cleo, ['Dora']), meet(Dora, ['Cleo'])]);
        await Promise.all([Cleo.close(), Dora.close()]);
      });
    }

    test('who only watches is seen by nobody', async () => {
      const [Finn, Gil] = [await come('Finn', { room: 'watch' }), await come('Gil', { room: 'watch', onlySubscribe: 1 })];
      await meet(Gil, ['Finn']);
      assert.deepEqual(await seen(Finn), []);
      await Promise.all([Finn.close(), Gil.close()]);
    });

    test('who is forgotten by the server gets the form again', async () => {
      const Hal = await come('Hal');
      await until('Hal is in', async () => (await status(Hal)) === 'Connected');
      await server.restart('SIGKILL');
      await until('it is over', async () => (await status(Hal)) === 'The connection is gone.', { seconds: 40 });
      assert.ok(await Hal.page.getByTestId('join').isVisible());
      await Hal.close();
    });
  });
}

basic('examples/basic on a client of ours', { library: libraries.ours });
basic('examples/basic on erizo.js', { library: [licodeClient && join(licodeClient, 'erizo.js')], skip: withoutLicode });
