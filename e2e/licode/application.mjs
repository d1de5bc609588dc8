// An application written for Licode: its page, on an origin of its own, and its
// server, which asks Nuve for rooms and tokens.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Nuve } from '../../examples/basic/nuve.mjs';
import { until } from '../lib/until.mjs';

const { resolve } = createRequire(import.meta.url);
const page = (name) => fileURLToPath(new URL(`page/${name}`, import.meta.url));

/**
 * Client libraries: the files that together make one. Ours speaks by either
 * generation of Socket.IO; Licode's own is where LICODE_CLIENT says.
 */
export const libraries = {
  ours: [resolve('socket.io-client/dist/socket.io.js'), page('client.js')],
  oursBySocketIO2: [join(resolve('socket.io-client-2/package.json'), '../dist/socket.io.js'), page('client.js')],
};

/** The folder with a built erizo.js and nuve.js; undefined where there is none. */
export const licodeClient = process.env.LICODE_CLIENT || undefined;

/** What a test that needs that folder says without it. */
export const withoutLicode = licodeClient ? false : 'LICODE_CLIENT names no folder with a built erizo.js and nuve.js (docs/from-licode.md says how to make one)';

/** The library of Licode's last release in that folder, and what a test that needs it says without it. */
export const erizoV10 = licodeClient && join(licodeClient, 'erizo-v10.js');
export const withoutErizoV10 = withoutLicode || (!existsSync(erizoV10) && 'there is no erizo-v10.js in the folder that LICODE_CLIENT names');

/** Serves the page with a library; gives its URL and how to end it. */
export async function serveLicodePage(library) {
  const text = (parts) => Promise.all(parts.map((part) => readFile(part))).then((all) => all.join('\n'));
  const files = {
    '/': ['text/html', [page('index.html')]],
    '/hooks.js': ['text/javascript', [page('hooks.js')]],
    '/page.js': ['text/javascript', [page('page.js')]],
    '/erizo.js': ['text/javascript', library],
  };
  const server = createServer(async (request, response) => {
    const found = files[new URL(request.url, 'http://x').pathname];
    if (found) response.writeHead(200, { 'content-type': `${found[0]}; charset=utf-8` }).end(await text(found[1]));
    else response.writeHead(404).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Nuve of a server, as its first service. */
export const nuveOf = (server) => new Nuve({ url: `${server.url}/nuve/`, id: server.service, key: server.key });

export { sees } from '../lib/application.mjs';

/** Waits until a stream's sound is played. */
export async function hears(tab, name) {
  const first = await tab.call((name) => app.energy(name), name);
  await until(`${name} is heard`, async () => (await tab.call((name) => app.energy(name), name)) > first + 0.001);
}
