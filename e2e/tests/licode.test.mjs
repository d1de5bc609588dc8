// Licode's protocol in browsers, spoken by a client of ours.

import { libraries } from '../licode/application.mjs';
import { scenarios } from '../licode/scenarios.mjs';

scenarios('a client of ours, with single connections', { library: libraries.ours, singlePC: true });
scenarios('a client of ours, with a connection for each stream', { library: libraries.ours, singlePC: false, brief: true });
scenarios('a client of ours by Socket.IO 2', { library: libraries.oursBySocketIO2, singlePC: true, brief: true });
