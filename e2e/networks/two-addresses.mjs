// A server with two addresses, of which clients reach only the second over
// UDP: what it sends must leave from that address. Chromium runs without the
// flag that lets it use loopback, as every user's does.

import assert from 'node:assert/strict';
import { drop, sees, selectedPair, setUp, withCall } from './call.mjs';

setUp(
  'ip link set lo up',
  'ip link add left type veth peer name right',
  'ip addr add 10.77.0.1/24 dev left',
  'ip addr add 10.77.1.1/24 dev left',
  'ip link set left up',
  'ip link set right up',
);
drop('ip daddr { 10.77.0.1, 127.0.0.1 } udp dport 1024-65535');

await withCall({ browser: { loopback: false } }, async ({ Ana, Ben }) => {
  await sees(Ana, 'Ben', 30);
  await sees(Ben, 'Ana', 30);
  const pair = await selectedPair(Ben);
  assert.equal(pair.protocol, 'udp');
  assert.equal(pair.remote, '10.77.1.1');
});
