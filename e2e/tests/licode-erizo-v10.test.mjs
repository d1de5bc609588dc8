// The library of Licode's last release, v10 of 2022, which has Socket.IO 2: unmodified,
// where the folder that LICODE_CLIENT names has it as erizo-v10.js.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { licodeClient, withoutLicode } from '../licode/application.mjs';
import { scenarios } from '../licode/scenarios.mjs';

const library = licodeClient && join(licodeClient, 'erizo-v10.js');
const skip = withoutLicode || (!existsSync(library) && 'there is no erizo-v10.js in the folder that LICODE_CLIENT names');
scenarios('erizo.js of v10, with single connections', { library: [library], singlePC: true, skip });
