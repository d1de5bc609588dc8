// Chromium as users have it, without the flag that lets WebRTC use loopback,
// on a machine with one ordinary address.

import { sees, setUp, withCall } from './call.mjs';

setUp(
  'ip link set lo up',
  'ip link add left type veth peer name right',
  'ip addr add 10.77.0.1/24 dev left',
  'ip link set left up',
  'ip link set right up',
);

await withCall({ browser: { loopback: false } }, async ({ Ana, Ben }) => {
  await sees(Ana, 'Ben');
  await sees(Ben, 'Ana');
});
