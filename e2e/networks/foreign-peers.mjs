// WebRTC stacks that are not browsers, in a room with Chromium: aiortc, and
// GStreamer's webrtcbin with VP8 and with H264. Each sees and is seen.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../lib/until.mjs';
import { sees, setUp, withCall } from './call.mjs';

setUp(
  'ip link set lo up',
  'ip link add left type veth peer name right',
  'ip addr add 10.77.0.1/24 dev left',
  'ip link set left up',
  'ip link set right up',
);

const peers = [
  ['aiortc', 'aiortc_peer.py', []],
  ['GStreamer with VP8', 'gstreamer_peer.py', ['VP8']],
  ['GStreamer with H264', 'gstreamer_peer.py', ['H264']],
];

await withCall({ publishBoth: false }, async ({ server, room, Ana, Ben }) => {
  for (const [name, script, more] of peers) {
    const token = await server.token(room, name);
    const child = spawn('/usr/bin/python3', [fileURLToPath(new URL(`../peers/${script}`, import.meta.url)), server.url, token, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    try {
      await sees(Ana, name, 40);
      await sees(Ben, name, 20);
      for (const kind of ['video', 'audio']) {
        await until(`${name} decodes the ${kind} of Ana`, () => said.includes(`"kind": "${kind}"`), { seconds: 20 });
      }
      console.log(`${name}: sees and is seen`);
    } catch (error) {
      throw new Error(`${name}: ${error.message}\nthe peer said:\n${said.slice(-3000)}`);
    } finally {
      child.kill('SIGKILL');
    }
  }
});
