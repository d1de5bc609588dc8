// Nuve's API by nuve.js, unmodified, where LICODE_CLIENT names a folder with it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { licodeClient, withoutLicode } from '../licode/application.mjs';
import { Server } from '../lib/server.mjs';

describe('nuve.js', { skip: withoutLicode }, () => {
  let server;
  let api;

  /** Calls a function of nuve.js, whose last two arguments are what to do with success and failure. */
  const ask = (name, ...args) =>
    new Promise((resolve, reject) => {
      api[name](...args, resolve, (text, status) => reject(Object.assign(new Error(text), { status })));
    });
  const json = async (...args) => JSON.parse(await ask(...args));

  before(async () => {
    server = await Server.start();
    const N = createRequire(import.meta.url)(join(licodeClient, 'nuve.js'));
    api = N.API;
    api.init(server.service, server.key, `${server.url}/nuve/`);
  });

  after(() => server?.stop());

  test('rooms are made, found, changed and deleted', async () => {
    const room = await new Promise((resolve, reject) => api.createRoom('physics', resolve, reject, { data: { floor: 1 }, p2p: true }));
    assert.match(room._id, /^[0-9a-f]{24}$/);
    assert.deepEqual({ name: room.name, p2p: room.p2p, data: room.data }, { name: 'physics', p2p: true, data: { floor: 1 } });
    assert.deepEqual((await json('getRooms')).filter(({ name }) => name === 'physics'), [room]);
    assert.deepEqual(await json('getRoom', room._id), room);
    await new Promise((resolve, reject) => api.updateRoom(room._id, 'chemistry', resolve, reject, { data: { floor: 2 } }));
    assert.equal((await json('getRoom', room._id)).name, 'chemistry');
    await new Promise((resolve, reject) => api.patchRoom(room._id, undefined, resolve, reject, { data: { lamp: true } }));
    assert.deepEqual((await json('getRoom', room._id)).data, { floor: 2, lamp: true });
    assert.equal((await server.api('GET', `/v1/rooms/${room._id}`)).name, 'chemistry');
    assert.equal(await ask('deleteRoom', room._id), 'Room deleted');
    await assert.rejects(ask('getRoom', room._id), { status: 404, message: /Room does not exist/ });
  });

  test('tokens and users', async () => {
    const { id } = await server.room('users');
    const token = JSON.parse(Buffer.from(await ask('createToken', id, 'Ána', 'presenter'), 'base64'));
    assert.deepEqual(Object.keys(token), ['tokenId', 'host', 'secure', 'signature']);
    assert.equal(token.host, new URL(server.url).host);
    assert.equal(token.secure, false);
    assert.deepEqual(await json('getUsers', id), []);
    await assert.rejects(ask('getUser', id, 'ana'), { status: 404 });
    await assert.rejects(ask('deleteUser', id, 'ana'), { status: 404 });
    await assert.rejects(ask('createToken', 'ffffffffffffffffffffffff', 'ana', 'presenter'), { status: 404 });
  });

  test('the super service keeps the others', async () => {
    const id = JSON.parse(await ask('createService', 'another', 'a key'));
    assert.ok((await json('getServices')).some(({ _id, name }) => _id === id && name === 'another'));
    const other = { service: id, key: 'a key', url: `${server.url}/nuve/` };
    const theirs = await new Promise((resolve, reject) => api.getRooms(resolve, reject, other));
    assert.deepEqual(JSON.parse(theirs), []);
    await assert.rejects(new Promise((resolve, reject) => api.getServices(resolve, (text, status) => reject(Object.assign(new Error(text), { status })), other)), { status: 401 });
    assert.equal(await ask('deleteService', id), 'Service deleted');
  });

  test('a wrong key is refused', async () => {
    const rejected = new Promise((resolve, reject) => api.getRooms(resolve, (text, status) => reject(Object.assign(new Error(text), { status })), { service: server.service, key: 'wrong', url: `${server.url}/nuve/` }));
    await assert.rejects(rejected, { status: 401 });
  });
});
