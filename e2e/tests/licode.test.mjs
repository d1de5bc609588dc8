// Licode's protocol, spoken by a client of ours; and by Licode's own library,
// unmodified, where LICODE_CLIENT names a folder with it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { libraries, licodeClient, withoutLicode } from '../licode/application.mjs';
import { scenarios } from '../licode/scenarios.mjs';

scenarios('a client of ours, with single connections', { library: libraries.ours, singlePC: true });
scenarios('a client of ours, with a connection for each stream', { library: libraries.ours, singlePC: false, brief: true });
scenarios('a client of ours by Socket.IO 2', { library: libraries.oursBySocketIO2, singlePC: true, brief: true });

const own = licodeClient && join(licodeClient, 'erizo.js');
scenarios('erizo.js, with single connections', { library: [own], singlePC: true, skip: withoutLicode });
scenarios('erizo.js, with a connection for each stream', { library: [own], singlePC: false, skip: withoutLicode });

// Of 2022: Licode's last release, by Socket.IO 2.
const old = licodeClient && join(licodeClient, 'erizo-v10.js');
scenarios('erizo.js of v10', { library: [old], singlePC: true, skip: withoutLicode || (!existsSync(old) && 'there is no erizo-v10.js in that folder') });
