// Licode's signalling, by the very Socket.IO clients that its own clients contain.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, generations } from '../lib/licode.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';
import { nuveOf } from '../licode/application.mjs';

for (const [name, io] of Object.entries(generations)) {
  describe(`Licode's signalling with ${name}`, () => {
    let server;
    let nuve;
    let room;
    let ana;
    let ben;
    let stream;

    before(async () => {
      server = await Server.start();
      nuve = nuveOf(server);
      ({ _id: room } = await nuve.createRoom('r'));
    });

    after(async () => {
      ana?.close();
      ben?.close();
      await server?.stop();
    });

    test('two come in', async () => {
      ana = new Client(io, await nuve.token(room, 'ana', 'presenter'));
      ben = new Client(io, await nuve.token(room, 'ben', 'viewerWithData'), { singlePC: true });
      await until('both are connected', () => ana.got('connected').length === 1 && ben.got('connected').length === 1);
      const [hello] = ana.got('connected');
      assert.equal(hello.id, room);
      assert.deepEqual(hello.streams, []);
      assert.equal(hello.singlePC, false);
      assert.equal(ben.got('connected')[0].singlePC, true);
      const { participants } = await server.api('GET', `/v1/rooms/${room}/participants`);
      assert.deepEqual(participants.map((p) => p.user).sort(), ['ana', 'ben']);
    });

    test('a stream of data is published, subscribed to and heard', async () => {
      [stream] = await ana.ask('publish', { options: { state: 'data', data: true, audio: false, video: false, attributes: { name: 'Ana' } } });
      assert.ok(Number.isSafeInteger(stream));
      await until('Ben hears of it', () => ben.got('onAddStream').length === 1);
      assert.deepEqual(ben.got('onAddStream')[0].attributes, { name: 'Ana' });
      assert.deepEqual(await ben.ask('subscribe', { options: { streamId: stream, data: true } }), [true]);
      await ana.ask('sendDataStream', { id: stream, msg: { text: '¿quién es? <b>' } });
      await until('Ben hears it', () => ben.got('onDataStream').length === 1);
      assert.deepEqual(ben.got('onDataStream')[0], { id: stream, msg: { text: '¿quién es? <b>' } });
    });

    test('nothing is lost by a cut, and nothing comes twice', async () => {
      ben.cut();
      for (let n = 0; n < 5; n += 1) await ana.ask('sendDataStream', { id: stream, msg: n });
      const asked = ben.ask('getStreamStats', stream); // while there is no connection
      await until('Ben is back', () => ben.got('reconnect').length === 1);
      await until('Ben has heard all', () => ben.got('onDataStream').length >= 6);
      assert.ok((await asked).length > 0);
      await sleep(300);
      assert.deepEqual(ben.got('onDataStream').slice(1).map((d) => d.msg), [0, 1, 2, 3, 4]);
      assert.equal(ben.got('connected').length, 1);
      assert.equal(ana.got('onRemoveStream').length, 0);
      await until('all is acknowledged', () => ben.pending.length === 0);
    });

    test('false tokens are refused in Licode\'s words', async () => {
      const good = JSON.parse(Buffer.from(await nuve.token(room, 'eve', 'presenter'), 'base64').toString());
      for (const [change, problem] of [
        [{ signature: 'forged' }, 'token: Authentication error'],
        [{}, undefined],
        [{}, 'token: Token does not exist'], // a second time
      ]) {
        const text = Buffer.from(JSON.stringify({ ...good, ...change })).toString('base64');
        const eve = new Client(io, text);
        await until('there is an outcome', () => eve.problems.length > 0 || eve.got('connected').length > 0);
        assert.equal(eve.problems[0], problem);
        eve.close();
      }
    });

    test('who is kicked notices, and stays out', async () => {
      await nuve.deleteUser(room, 'ben');
      await until('Ben gives up', () => ben.got('reconnect_failed').length === 1);
      assert.equal(ben.got('reconnect').length, 1); // only the one before
    });

    test('who leaves takes the streams along', async () => {
      const cho = new Client(io, await nuve.token(room, 'cho', 'presenter'));
      await until('Cho is connected', () => cho.got('connected').length === 1);
      assert.equal(cho.got('connected')[0].streams[0].id, stream);
      ana.socket.emit('clientDisconnection', { socketgd: ana.next }, undefined);
      ana.close();
      await until('Cho hears of it', () => cho.got('onRemoveStream').length === 1);
      assert.deepEqual(cho.got('onRemoveStream')[0], { id: stream });
      cho.close();
    });
  });
}
