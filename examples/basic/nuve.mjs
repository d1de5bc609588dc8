// A client of Nuve, Licode's REST API, as small as one can be.

import { createHmac, randomInt } from 'node:crypto';

/** A header field is ASCII, and commas and equals signs divide it: what else is in a name goes. */
export function plain(name) {
  return String(name).normalize('NFD').replace(/[^\x20-\x2b\x2d-\x3c\x3e-\x7e]/g, '').trim();
}

export class Nuve {
  /** `url` ends with a slash; `id` and `key` are those of the service. */
  constructor({ url, id, key }) {
    Object.assign(this, { url, id, key });
  }

  /** The header that proves who asks: base64 of the hexadecimal HMAC-SHA1 of what is signed. */
  #authorization(user, role) {
    const said = [Date.now(), randomInt(1e9), ...(user === undefined ? [] : [user, role])];
    const signature = Buffer.from(createHmac('sha1', this.key).update(said.join(',')).digest('hex')).toString('base64');
    const items = { signature_method: 'HMAC_SHA1', ...(user !== undefined && { username: user, role }), serviceid: this.id, cnonce: said[1], timestamp: said[0], signature };
    return `MAuth realm=basic,${Object.entries(items).map(([name, value]) => `mauth_${name}=${value}`).join(',')}`;
  }

  async #ask(method, path, { body, user, role } = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: this.#authorization(user, role), ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${response.status} ${text}`), { status: response.status });
    return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text;
  }

  rooms = () => this.#ask('GET', 'rooms');
  createRoom = (name, options) => this.#ask('POST', 'rooms', { body: { name, options } });
  deleteRoom = (room) => this.#ask('DELETE', `rooms/${room}`);
  users = (room) => this.#ask('GET', `rooms/${room}/users`);
  deleteUser = (room, user) => this.#ask('DELETE', `rooms/${room}/users/${encodeURIComponent(user)}`);

  /** A token: who has it may enter that room once, as that user in that role. */
  token = (room, user, role) => this.#ask('POST', `rooms/${room}/tokens`, { user: plain(user), role: plain(role) });
}
