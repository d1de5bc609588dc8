// Licode's own nuve.js, unmodified, against the real binary. It is not in this
// repository: LICODE_CLIENT names a folder that has it. docs/from-licode.md
// tells how to build it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { resolve } from 'node:path';
import { freePort, Server } from '../lib/server.mjs';
import { licodeClient, withoutLicode } from '../licode/application.mjs';

describe('nuve.js', { skip: withoutLicode }, () => {
  let server;
  let port;
  let api;

  // How many arguments stand before the two callbacks of a function.
  const leading = { createRoom: 1, getRooms: 0, updateRoom: 2, patchRoom: 2, createToken: 3, createService: 2, getServices: 0, getUser: 2, deleteUser: 2 };

  /** Calls a function of nuve.js: the answer, or "<status> Error<body>". */
  const call = (name, ...args) =>
    new Promise((done) => {
      const first = leading[name] ?? 1;
      api[name](...args.slice(0, first), done, done, ...args.slice(first));
    });

  before(async () => {
    port = await freePort();
    server = await Server.start({ args: ['--licode-http', `127.0.0.1:${port}`] });
    api = createRequire(import.meta.url)(resolve(licodeClient, 'nuve.js')).API;
  });
  after(() => server?.stop());

  for (const where of ['a port of its own', '/nuve/']) {
    test(`all of it, at ${where}`, async () => {
      const url = where === '/nuve/' ? `${server.url}/nuve/` : `http://127.0.0.1:${port}/`;
      api.init(server.service, server.key, url);

      const room = await call('createRoom', 'salon', { data: { a: 1 }, mediaConfiguration: 'VP9_AND_OPUS' });
      assert.deepEqual(room, { name: 'salon', data: { a: 1 }, mediaConfiguration: 'VP9_AND_OPUS', _id: room._id });
      const ours = await server.api('GET', `/v1/rooms/${room._id}`);
      assert.deepEqual([ours.name, ours.metadata, ours.codecs], ['salon', { a: 1 }, ['VP9', 'opus']]);
      const found = await call('createRoom', 'salon', { getOrCreate: true });
      assert.equal(found._id, room._id);
      const p2p = await call('createRoom', 'pair', { p2p: true });
      assert.equal(p2p.p2p, true);

      assert.equal(await call('updateRoom', room._id, 'sala', { data: { b: 2 } }), 'Room Updated');
      assert.equal(await call('patchRoom', room._id, 'sala 2', { data: { c: 3 } }), 'Room Updated');
      assert.deepEqual(JSON.parse(await call('getRoom', room._id)).data, { b: 2, c: 3 });
      assert.equal(JSON.parse(await call('getRooms')).length, 2);

      const token = JSON.parse(Buffer.from(await call('createToken', room._id, 'Añá', 'presenter'), 'base64').toString());
      assert.deepEqual(Object.keys(token), ['tokenId', 'host', 'secure', 'signature']);
      assert.equal(token.host, `127.0.0.1:${server.port}`);
      assert.equal(await call('createToken', room._id, '', 'viewer'), '401 ErrorName and role?');
      const many = await Promise.all(Array.from({ length: 50 }, (_, i) => call('createToken', room._id, `user ${i}`, 'viewer')));
      assert.deepEqual(many.filter((text) => text.includes('Error')), [], 'requests that are made at once');

      assert.equal(await call('getUsers', room._id), '[]');
      assert.equal(await call('getUser', room._id, 'ana'), '404 ErrorUser does not exist');
      assert.equal(await call('deleteUser', room._id, 'ana'), '404 ErrorRoom does not exist or the user is not connected');

      const id = JSON.parse(await call('createService', 'app', 'its key'));
      assert.equal(JSON.parse(await call('getService', id)).key, 'its key');
      assert.ok(JSON.parse(await call('getServices')).some((service) => service._id === id));
      const other = { service: id, key: 'its key', url };
      assert.equal(await call('getRooms', other), '[]');
      assert.equal(await call('getRoom', room._id, other), '404 ErrorRoom does not exist');
      assert.equal(await call('getServices', other), '401 ErrorService not authorized for this action');
      assert.match(await call('getRooms', { ...other, key: 'wrong' }), /^401 Error\{"WWW-Authenticate"/);
      assert.equal(await call('deleteService', id), 'Service deleted');
      assert.equal(await call('deleteService', id), '404 ErrorService not found');
      for (const each of [room, p2p]) assert.equal(await call('deleteRoom', each._id), 'Room deleted');
    });
  }
});
