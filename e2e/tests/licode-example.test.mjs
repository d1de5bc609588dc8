// Licode's own basic example, unmodified: its server on nuve.js, its page on
// erizo.js. LICODE_CLIENT names the folder with both, and with a copy of Licode's
// repository, `licode`, in whose extras/basic_example the packages are installed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startChromium } from '../lib/browsers.mjs';
import { licodeClient, withoutLicode } from '../licode/application.mjs';
import { freePort, Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';

const source = join(licodeClient ?? '', 'licode/extras/basic_example');
const skip = withoutLicode || (!existsSync(join(source, 'node_modules')) && 'there is no copy of Licode with the packages of its basic example in that folder');

/** Runs the example's server in a folder as it expects it, and gives its URL. */
async function serveExample(server) {
  const root = await mkdtemp(join(tmpdir(), 'licode-'));
  const folder = join(root, 'extras/basic_example');
  for (const part of ['basicServer.js', 'log4js_configuration.json', 'public']) await cp(join(source, part), join(folder, part), { recursive: true });
  await symlink(join(source, 'node_modules'), join(folder, 'node_modules'));
  await cp(join(licodeClient, 'licode/cert'), join(root, 'cert'), { recursive: true });
  await cp(join(licodeClient, 'nuve.js'), join(folder, 'nuve.js'));
  await cp(join(licodeClient, 'erizo.js'), join(folder, 'public/erizo.js'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  const config = {
    nuve: { superserviceID: server.service, superserviceKey: server.key },
    erizoController: {},
    basicExample: { port, tlsPort, nuveUrl: `${server.url}/nuve/` },
  };
  await writeFile(join(root, 'licode_config.js'), `module.exports = ${JSON.stringify(config)};`);
  const child = spawn(process.execPath, ['basicServer.js'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk));
  const url = `http://127.0.0.1:${port}/`;
  await until('the example listens', async () => {
    if (child.exitCode !== null) throw new Error(log);
    return (await fetch(url)).ok;
  });
  return {
    url,
    async close() {
      child.kill();
      await rm(root, { recursive: true });
    },
  };
}

describe("Licode's basic example, unmodified", { skip }, () => {
  let server;
  let example;
  let chromium;

  before(async () => {
    server = await Server.start();
    example = await serveExample(server);
    chromium = await startChromium();
  });

  after(async () => {
    await chromium?.close();
    await example?.close();
    await server?.stop();
  });

  const open = (query) => chromium.open(`${example.url}?${new URLSearchParams(query)}`);

  /** Waits until so many others are seen, and move. */
  async function sees(tab, count) {
    const others = () => tab.call(() => [...document.querySelectorAll('[id^="test"] video')].filter((video) => video.videoWidth > 0).map((video) => video.currentTime));
    const first = await until(`${count} others are seen`, async () => {
      const now = await others();
      return now.length === count && now;
    });
    await until('they move', async () => (await others()).every((time, i) => time > first[i] + 0.2));
  }

  for (const query of [{ singlePC: 1 }, { singlePC: 0 }, { singlePC: 1, simulcast: 1 }, { singlePC: 0, simulcast: 1 }, { type: 'p2p' }, { mediaConfiguration: 'VP9_AND_OPUS' }]) {
    test(new URLSearchParams(query).toString(), async () => {
      const room = `room ${JSON.stringify(query).replace(/\W+/g, ' ')}`;
      const tabs = [await open({ room, ...query }), await open({ room, ...query }), await open({ room, ...query })];
      await Promise.all(tabs.map((tab) => sees(tab, 2)));
      await tabs.pop().page.close({ runBeforeUnload: true });
      await Promise.all(tabs.map((tab) => sees(tab, 1)));
      await Promise.all(tabs.map((tab) => tab.close()));
    });
  }

  test('onlySubscribe=1', async () => {
    const room = 'one way';
    const sender = await open({ room });
    const watcher = await open({ room, onlySubscribe: 1 });
    await watcher.page.getByRole('button', { name: 'Start' }).click();
    await sees(watcher, 1);
    await sees(sender, 0);
    // Its buttons: a slideshow, and no more of it.
    await watcher.page.getByRole('button', { name: 'Toggle Slideshow' }).click();
    await watcher.page.getByRole('button', { name: 'Unsubscribe' }).click();
    await sees(watcher, 0);
    await watcher.page.locator('#remoteStreamList button').click();
    await sees(watcher, 1);
    await Promise.all([sender.close(), watcher.close()]);
  });

  test('who publishes twice is seen twice', async () => {
    const [one, other] = [await open({ room: 'twice' }), await open({ room: 'twice' })];
    await sees(other, 1);
    await one.page.locator('#publishCamera').click();
    await sees(other, 2);
    await one.page.getByRole('button', { name: 'Unpublish' }).last().click();
    await sees(other, 1);
    assert.equal(await one.call(() => room.localStreams.size()), 1);
    await Promise.all([one.close(), other.close()]);
  });
});
