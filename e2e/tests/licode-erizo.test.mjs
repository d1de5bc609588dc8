// Licode's own library, unmodified, where LICODE_CLIENT names a folder with it.

import { join } from 'node:path';
import { licodeClient, withoutLicode } from '../licode/application.mjs';
import { scenarios } from '../licode/scenarios.mjs';

const library = [licodeClient && join(licodeClient, 'erizo.js')];
scenarios('erizo.js, with single connections', { library, singlePC: true, skip: withoutLicode });
scenarios('erizo.js, with a connection for each stream', { library, singlePC: false, skip: withoutLicode });
