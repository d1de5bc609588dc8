// A room with somebody on Licode's API and somebody on our SDK.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveApplication } from '../lib/application.mjs';
import { startChromium } from '../lib/browsers.mjs';
import { hears, nuveOf, sees, serveLicodePage } from './application.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';

/** Registers the tests, with a client library. */
export function mixed(title, { library, singlePC = true, skip = false }) {
  describe(title, { skip }, () => {
    let server;
    let nuve;
    let chromium;
    let licode;
    let native;
    let room;
    let Lia; // on Licode's API
    let Nora; // on the SDK
    let hers; // the name of Nora's stream at Lia's

    before(async () => {
      server = await Server.start();
      nuve = nuveOf(server);
      [chromium, licode, native] = [await startChromium(), await serveLicodePage(library), await serveApplication()];
      // A room that is made in the one is there in the other.
      const { _id } = await nuve.createRoom('mixed');
      room = await server.api('GET', `/v1/rooms/${_id}`);
      Lia = await chromium.open(licode.url);
      Nora = await chromium.open(native.url);
    });

    after(async () => {
      await chromium?.close();
      licode?.close();
      native?.close();
      await server?.stop();
    });

    test('they see and hear each other, whoever comes first', async () => {
      await Lia.call(([token, options]) => app.join(token, options), [await nuve.token(room.id, 'Lia', 'presenter'), { singlePC }]);
      await Lia.call(() => app.publish('lia'));
      await Nora.call(({ url, token }) => app.join(url, token), { url: server.url, token: await server.token(room, 'Nora') });
      hers = String(await Nora.call(() => app.publish()));
      await Promise.all([sees(Lia, hers), hears(Lia, hers)]);
      const first = await until('Nora sees Lia', async () => {
        const video = await Nora.call(() => app.video('Lia'));
        return video?.width > 0 && video.frames > 0 && video;
      });
      await until('Lia moves', async () => (await Nora.call(() => app.video('Lia'))).frames > first.frames + 5);
      await until('Nora hears Lia', async () => (await Nora.call(() => app.loudness('Lia'))) > 0.01);
    });

    test('each is in the list of the other', async () => {
      assert.deepEqual((await nuve.users(room.id)).map(({ name }) => name).sort(), ['Lia', 'Nora']);
      assert.deepEqual(await Nora.call(() => [...app.room.participants.values()].map(({ user }) => user)), ['Lia']);
    });

    test('messages go both ways', async () => {
      await Nora.call(() => app.room.send({ text: 'hello Lia' }).then(() => null));
      await until('Lia has it', () => Lia.call(() => app.data.some(([, msg]) => msg.text === 'hello Lia')));
      await Lia.call(() => app.own.lia.sendData({ text: 'hello Nora' }));
      await until('Nora has it', () => Nora.call(() => app.messages.some(({ data }) => data.text === 'hello Nora')));
      const [message] = await Nora.call(() => app.messages.map(({ data, participant }) => ({ data, from: participant.user })));
      assert.deepEqual(message, { data: { text: 'hello Nora' }, from: 'Lia' });
      assert.equal(await Lia.call(() => app.data.length), 1);
    });

    test('attributes go both ways', async () => {
      await Lia.call(() => app.own.lia.setAttributes({ name: 'lia', hand: true }));
      await until('Nora has them', () => Nora.call(() => app.streamOf('Lia').attributes.hand === true));
      await Nora.call(() => app.local.camera.setAttributes({ name: 'nora', hand: true }).then(() => null));
      hers = 'nora';
      await until('Lia has them', () => Lia.call(() => app.stream('nora')?.getAttributes().hand === true));
    });

    test('mute goes both ways', async () => {
      await Lia.call(() => app.own.lia.muteAudio(true));
      await until('Nora is told', () => Nora.call(() => app.tracks('Lia').some(({ kind, muted }) => kind === 'audio' && muted)));
      await until('Nora hears nothing', async () => (await Nora.call(() => app.loudness('Lia'))) < 0.005);
      await Lia.call(() => app.own.lia.muteAudio(false));
      await until('Nora hears Lia again', async () => (await Nora.call(() => app.loudness('Lia'))) > 0.01);

      await Nora.call(() => app.local.camera.mute('video').then(() => null));
      await until('the picture stands at Lia', async () => {
        const first = await Lia.call((name) => app.video(name), hers);
        await sleep(600);
        return (await Lia.call((name) => app.video(name), hers)).frames - first.frames < 3;
      });
      await Nora.call(() => app.local.camera.unmute('video').then(() => null));
      await sees(Lia, hers);
    });

    test('a shared screen is a stream of its own', async () => {
      await Nora.call(async () => {
        app.local.screen = await Tertulia.LocalStream.screen({ attributes: { name: 'screen of nora' } });
        await app.room.publish(app.local.screen);
      });
      await sees(Lia, 'screen of nora');
      await Nora.call(() => app.room.unpublish(app.local.screen).then(() => null));
      await until('it is gone', () => Lia.call(() => app.events.includes('stream-removed screen of nora')));
    });

    test('a moderator on the SDK removes somebody on the other', async () => {
      await Nora.call(() => {
        const lia = [...app.room.participants.values()].find((p) => p.user === 'Lia');
        return app.room.kick(lia, 'the test says so').then(() => null);
      });
      await until('Nora knows', () => Nora.call(() => app.events.includes('left Lia kicked')));
      await until('Lia knows', () => Lia.call(() => app.events.includes('room-disconnected unexpected-disconnection')));
    });
  });
}
