// A machine without IPv4.

import assert from 'node:assert/strict';
import { sees, selectedPair, setUp, withCall } from './call.mjs';

setUp(
  'ip link set lo up',
  'ip addr del 127.0.0.1/8 dev lo',
  'ip link add left type veth peer name right',
  'ip -6 addr add fd77::1/64 dev left nodad',
  'ip link set left up',
  'ip link set right up',
);

await withCall({ host: '::1' }, async ({ Ana, Ben }) => {
  await sees(Ana, 'Ben');
  await sees(Ben, 'Ana');
  assert.match((await selectedPair(Ben)).remote, /:/);
});
