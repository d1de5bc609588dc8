// Calls over networks that are made for the test: each runs in a network
// namespace of its own, which needs root.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const networks = {
  'UDP is blocked: ICE-TCP carries the call': 'udp-blocked',
  'two addresses, of which one works': 'two-addresses',
  'Chromium without its loopback flag': 'no-loopback-flag',
  'IPv6 only': 'ipv6-only',
  '5 % loss each way': 'loss',
  'plain HTTP: the page says why there is no camera': 'plain-http',
  'aiortc and GStreamer as peers': 'foreign-peers',
};

const skip = process.getuid() === 0 ? false : 'making a network namespace needs root';

for (const [name, file] of Object.entries(networks)) {
  test(name, { skip }, async () => {
    const script = fileURLToPath(new URL(`../networks/${file}.mjs`, import.meta.url));
    const child = spawn('unshare', ['--net', process.execPath, script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`${file} ended with ${code}:\n${said.slice(-6000)}`);
    if (said) console.log(said.trim());
  });
}
