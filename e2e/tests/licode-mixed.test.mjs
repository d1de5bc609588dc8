// Rooms where Licode's protocol and ours meet.

import { join } from 'node:path';
import { libraries, licodeClient, withoutLicode } from '../licode/application.mjs';
import { mixed } from '../licode/mixed.mjs';

mixed('a client of ours for Licode, and the SDK', { library: libraries.ours });
mixed('erizo.js and the SDK', { library: [licodeClient && join(licodeClient, 'erizo.js')], skip: withoutLicode });
