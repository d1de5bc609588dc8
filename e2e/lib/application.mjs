// An application of ours on an origin of its own: a page that uses the SDK's
// global build, and nothing else. And what can be asked of such a page.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { until } from './until.mjs';

const files = {
  '/': ['text/html; charset=utf-8', new URL('../page/index.html', import.meta.url)],
  '/application.js': ['text/javascript; charset=utf-8', new URL('../page/application.js', import.meta.url)],
  '/tertulia.global.js': ['text/javascript; charset=utf-8', new URL('../../sdk/js/dist/tertulia.global.js', import.meta.url)],
  ...Object.fromEntries(
    ['hooks', 'marks', 'watch'].map((name) => [
      `/quality/${name}.mjs`,
      ['text/javascript; charset=utf-8', new URL(`../quality/page/${name}.mjs`, import.meta.url)],
    ]),
  ),
};

/** Serves the application; gives its URL and how to end it. */
export async function serveApplication(host = '127.0.0.1') {
  const server = createServer(async (request, response) => {
    const found = files[new URL(request.url, 'http://x').pathname];
    if (!found) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': found[0] }).end(await readFile(found[1]));
  });
  await new Promise((resolve) => server.listen(0, host, resolve));
  const { port } = server.address();
  const bound = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${bound}:${port}/`, close: () => server.close() };
}

/** Waits until a page shows a user's picture, and it moves; `limits` are those of until. */
export async function sees(tab, user, limits) {
  const video = () => tab.call((user) => app.video(user), user);
  const first = await until(`${user} is seen`, async () => {
    const now = await video();
    return now?.width > 0 && now.frames > 0 && now;
  }, limits);
  await until(`${user} moves`, async () => {
    const now = await video();
    // Not every page says how long it has played.
    return now?.frames > first.frames + 5 && (first.time === undefined || now.time > first.time);
  }, limits);
}

/** Waits until a page gets a user's sound. */
export async function hears(tab, user) {
  await until(`${user} is heard`, async () => (await tab.call((user) => app.loudness(user), user)) > 0.01);
}
