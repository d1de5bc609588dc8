// Starts the real binary for a test, each with ports and a data folder of its own.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = process.env.TERTULIA_BINARY ?? fileURLToPath(new URL('../../.cache/bin/tertulia', import.meta.url));

/**
 * A free TCP port of a loopback address. It is below those that systems give to
 * outgoing connections: one of these might take it before the server does.
 */
export async function freePort(host = '127.0.0.1') {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise((resolve, reject) => {
      // Another port can be had when this one is taken or not for us; not where the address is none of this machine.
      server.once('error', (error) => (['EADDRINUSE', 'EACCES'].includes(error.code) ? resolve(false) : reject(error)));
      server.listen(port, host, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

/**
 * A running server. `args` are added to the command line and `wrap` goes before
 * it (to run it in a network namespace). `host` is where it is reached.
 */
export class Server {
  constructor({ args = [], wrap = [], host = '127.0.0.1' } = {}) {
    this.args = args;
    this.wrap = wrap;
    this.host = host;
    this.log = '';
  }

  static async start(options) {
    const server = new Server(options);
    server.data = await mkdtemp(join(tmpdir(), 'tertulia-e2e-'));
    server.port = await freePort(server.host);
    server.mediaPort = await freePort(server.host);
    await server.run();
    return server;
  }

  /** Starts the process on the server's ports and data, and waits until it is ready. */
  async run() {
    const bound = this.host.includes(':') ? `[${this.host}]` : this.host;
    const command = [
      ...this.wrap,
      binary,
      '--data', this.data,
      '--http', `${bound}:${this.port}`,
      '--udp', `:${this.mediaPort}`,
      '--tcp', `:${this.mediaPort}`,
      ...this.args,
    ];
    this.process = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = new Promise((resolve) => this.process.once('exit', resolve));
    this.exited = exited;
    const ready = new Promise((resolve, reject) => {
      const collect = (chunk) => {
        this.log += chunk;
        if (/Ctrl-C ends it/.test(this.log.slice(this.from ?? 0))) resolve();
      };
      this.process.stdout.on('data', collect);
      this.process.stderr.on('data', collect);
      exited.then((code) => reject(new Error(`the server ended with ${code}:\n${this.log}`)));
      setTimeout(() => reject(new Error(`the server was not ready in 30 s:\n${this.log}`)), 30_000).unref();
    });
    await ready;
    this.from = this.log.length;
    [, this.service] = this.log.match(/id {2}([0-9a-f]{24})/);
    [, this.key] = this.log.match(/key (\S+)/);
    this.url = `http://${bound}:${this.port}`;
  }

  /** Ends the process with a signal and waits for it. */
  async end(signal = 'SIGTERM') {
    this.process.kill(signal);
    return await this.exited;
  }

  /** Ends the process and starts it again on the same ports and data. */
  async restart(signal = 'SIGTERM') {
    await this.end(signal);
    await this.run();
  }

  async stop() {
    if (this.process.exitCode === null) await this.end();
    await rm(this.data, { recursive: true, force: true });
  }

  /** Calls the REST API as the first service. */
  async api(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${this.service}:${this.key}`).toString('base64')}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    const value = text ? JSON.parse(text) : undefined;
    if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${response.status} ${text}`), { status: response.status, problem: value });
    return value;
  }

  /** Makes a room. */
  room(name, more = {}) {
    return this.api('POST', '/v1/rooms', { name, ...more });
  }

  /** Makes a join token for a room. */
  async token(room, user, role = 'presenter', more = {}) {
    const { token } = await this.api('POST', `/v1/rooms/${room.id}/tokens`, { user, role, ...more });
    return token;
  }
}
