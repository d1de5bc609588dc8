// Rooms where Licode's protocol and ours meet.

import { join } from 'node:path';
import { erizoV10, libraries, licodeClient, withoutErizoV10, withoutLicode } from '../licode/application.mjs';
import { mixed } from '../licode/mixed.mjs';

mixed('a client of ours for Licode, and the SDK', { library: libraries.ours });
const library = [licodeClient && join(licodeClient, 'erizo.js')];
mixed('erizo.js and the SDK', { library, skip: withoutLicode });
mixed('erizo.js with a connection for each stream, and the SDK', { library, singlePC: false, skip: withoutLicode });
mixed('erizo.js of v10 and the SDK', { library: [erizoV10], skip: withoutErizoV10 });
