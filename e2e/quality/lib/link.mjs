// Starts the link emulator, and speaks with it.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const binary = `${root}.cache/bin/link`;

/** Builds the emulator; before a browser runs, so that it is not disturbed. */
export function buildLink() {
  execFileSync('go', ['build', '-o', binary, './e2e/link'], { cwd: root, stdio: 'inherit' });
}

/** A link between a page and the server's media port. It begins as none. */
export class Link {
  static async start(server, settings) {
    const link = new Link();
    link.process = spawn(binary, ['--to', `127.0.0.1:${server.mediaPort}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(link.process.stdout), 'line');
    Object.assign(link, JSON.parse(line));
    if (settings) await link.set(settings);
    return link;
  }

  /** How the link is from now on: {up, down}, or one for both; e2e/link/control.go says what is in them. */
  async set(settings) {
    const body = settings.up || settings.down ? settings : { up: settings, down: settings };
    const response = await fetch(`${this.control}/links`, { method: 'PUT', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`the link says ${response.status}: ${await response.text()}`);
  }

  /** What passed between two times (Date.now()). */
  async stats(from = 0, to = Date.now()) {
    return (await fetch(`${this.control}/stats?from=${from}&to=${to}`)).json();
  }

  async close() {
    const ended = once(this.process, 'exit');
    this.process.stdin.end();
    await ended;
  }
}

/**
 * The longest time, in milliseconds, that more was sent into a direction than
 * `rate` (bit/s) carries: the mean over each second, moved on by 100 ms.
 */
export function longestAbove({ steps }, rate) {
  const bytes = new Map(steps.map(({ at, inBytes }) => [at, inBytes]));
  let longest = 0;
  let run = 0;
  for (let at = steps[0]?.at; at <= steps.at(-1)?.at; at += 100) {
    let sum = 0;
    for (let back = 0; back < 1000; back += 100) sum += bytes.get(at - back) ?? 0;
    run = sum * 8 > rate ? run + 100 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
