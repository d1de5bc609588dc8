// A page that was opened over plain HTTP from another machine: the browser gives
// it no camera. It says so, and lets people in to listen and to chat.

import assert from 'node:assert/strict';
import { startChromium } from '../lib/browsers.mjs';
import { comeIn, inState, meetingURL, press, sees, textOf, tile } from '../lib/meeting.mjs';
import { Server } from '../lib/server.mjs';
import { setUp } from './call.mjs';

setUp(
  'ip link set lo up',
  'ip link add left type veth peer name right',
  'ip addr add 192.0.2.2/24 dev left',
  'ip link set left up',
  'ip link set right up',
);

const server = await Server.start({ host: '0.0.0.0' });
const chromium = await startChromium();
try {
  const at = (host) => ({ url: `http://${host}:${server.port}` });
  const Ana = await comeIn(chromium, at('127.0.0.1'), 'supper', 'Ana');
  const Ben = await chromium.open(meetingURL(at('192.0.2.2'), 'supper', { name: 'Ben' }), { permissions: [] });
  await inState(Ben, 'lobby');
  assert.match(await textOf(Ben, 'problem'), /plain HTTP.*192\.0\.2\.2.*--tls self/s);
  assert.equal(await textOf(Ben, 'join'), 'Come in to listen and chat');
  await press(Ben, 'join');
  await inState(Ben, 'meeting');
  await sees(Ben, 'Ana');
  assert.equal((await tile(Ana, 'Ben')).camera, 'none');
} finally {
  await chromium.close();
  await server.stop();
}
