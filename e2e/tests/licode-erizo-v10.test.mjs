// The library of Licode's last release, v10 of 2022, which has Socket.IO 2: unmodified,
// where the folder that LICODE_CLIENT names has it as erizo-v10.js.

import { erizoV10, withoutErizoV10 } from '../licode/application.mjs';
import { scenarios } from '../licode/scenarios.mjs';

scenarios('erizo.js of v10, with single connections', { library: [erizoV10], singlePC: true, skip: withoutErizoV10 });
