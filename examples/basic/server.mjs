// The application's own server: serves the page, and asks Nuve for rooms and
// tokens. The service's key stays here; the page gets a token and no more.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Nuve, plain } from './nuve.mjs';

const folder = fileURLToPath(new URL('page/', import.meta.url));
const pages = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/basic.js': ['basic.js', 'text/javascript; charset=utf-8'],
};
const roles = new Set(['presenter', 'viewer', 'viewerWithData']);

/**
 * Starts it. `nuve` says where Nuve is and who we are there, `client` names the
 * folder with the application's erizo.js. Gives the address, and how to end it.
 */
export async function start({ nuve: account, client, host = '127.0.0.1', port = 3001 }) {
  const nuve = new Nuve(account);

  /** What the page asks for before it enters a room. */
  async function createToken({ username, role, room, type, mediaConfiguration }) {
    if (!plain(username ?? '') || !roles.has(role)) throw Object.assign(new Error('A username and a known role are needed.'), { status: 400 });
    const { _id } = await nuve.createRoom(String(room || 'basicExampleRoom').slice(0, 100), {
      getOrCreate: true,
      p2p: type === 'p2p',
      data: { basicExampleRoom: true },
      ...(mediaConfiguration && { mediaConfiguration: String(mediaConfiguration) }),
    });
    return nuve.token(_id, String(username).slice(0, 100), role);
  }

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://page');
    if (request.method === 'POST' && pathname === '/createToken/') {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(await createToken(await bodyOf(request)));
    } else if (request.method !== 'GET') {
      response.writeHead(405).end();
    } else if (pathname === '/erizo.js') {
      const script = client && (await readFile(join(client, 'erizo.js')).catch(() => undefined));
      // The page says what to do about it.
      if (script) response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(script);
      else response.writeHead(404).end();
    } else if (pages[pathname]) {
      const [file, type] = pages[pathname];
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(await readFile(join(folder, file)));
    } else {
      response.writeHead(404).end();
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (!error.status) console.error(error);
      const problem = error.status === 401 ? 'Nuve does not know this service: look at its id and key.' : error.message;
      if (!response.headersSent) response.writeHead(error.status === 400 ? 400 : 502, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(problem);
    });
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return { url: `http://${host}:${server.address().port}/`, close: () => server.close() };
}

/** The JSON of a request, which is short. */
async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 10_000) throw Object.assign(new Error('That is too long.'), { status: 400 });
  }
  try {
    return Object(JSON.parse(text));
  } catch {
    throw Object.assign(new Error('That is no JSON.'), { status: 400 });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { env } = process;
  const stop = (why) => {
    console.error(why);
    process.exit(2);
  };
  const options = {
    nuve: { type: 'string', default: env.NUVE_URL ?? 'http://localhost:8080/nuve/' },
    service: { type: 'string', default: env.SERVICE_ID },
    key: { type: 'string', default: env.SERVICE_KEY },
    client: { type: 'string', default: env.LICODE_CLIENT ?? fileURLToPath(new URL('client', import.meta.url)) },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '3001' },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    stop(`${error.message}. README.md lists the flags.`);
  }
  if (!values.service || !values.key) stop('Say which service this is: --service ID --key KEY (the server prints both when it first starts).');
  const url = values.nuve.endsWith('/') ? values.nuve : `${values.nuve}/`;
  const { url: page } = await start({ nuve: { url, id: values.service, key: values.key }, client: values.client, host: values.host, port: Number(values.port) }).catch((error) =>
    stop(error.code === 'EADDRINUSE' ? `Port ${values.port} is in use: end what runs there, or choose another with --port.` : `The page cannot be served at ${values.host}:${values.port}: ${error.message}`),
  );
  console.log(`The page is at ${page}`);
}
