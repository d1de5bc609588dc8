// A network that lets no UDP through: ICE-TCP carries the call.

import assert from 'node:assert/strict';
import { drop, sees, selectedPair, setUp, withCall } from './call.mjs';

setUp('ip link set lo up');
drop('meta l4proto udp');

await withCall({}, async ({ Ana, Ben }) => {
  await sees(Ana, 'Ben', 40);
  await sees(Ben, 'Ana', 40);
  assert.equal((await selectedPair(Ben)).protocol, 'tcp');
});
