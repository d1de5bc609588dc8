// An application of ours on an origin of its own: a page that uses the SDK's
// global build, and nothing else.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

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
