// What an application of Licode's does in a browser, whichever library it does it with.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startChromium } from '../lib/browsers.mjs';
import { hears, nuveOf, sees, serveLicodePage } from './application.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';

/**
 * Registers the tests. `library` are the files of the client; `singlePC` is what
 * it connects with; `brief` leaves out what does not depend on how many
 * connections there are.
 */
export function scenarios(title, { library, singlePC, brief = false, skip = false }) {
  describe(title, { skip }, () => {
    let server;
    let application;
    let chromium;
    let nuve;
    let room;
    let Ana;
    let Ben;

    const token = (user, role = 'presenter', where = room) => nuve.token(where._id, user, role);

    /** Opens the page and enters the room. */
    async function enter(user, { role, where, options = {}, more = {} } = {}) {
      const tab = await chromium.open(application.url);
      tab.entered = await tab.call(([token, options, more]) => app.join(token, options, more), [await token(user, role, where), { singlePC, ...options }, more]);
      return tab;
    }
    const publish = (tab, name, spec = {}, options = {}) => tab.call(([name, spec, options]) => app.publish(name, spec, options), [name, spec, options]);
    const happened = (tab, event) => until(`${event} happens`, () => tab.call((event) => app.events.includes(event), event));
    const video = (tab, name) => tab.call((name) => app.video(name), name);
    const energy = (tab, name) => tab.call((name) => app.energy(name), name);

    before(async () => {
      server = await Server.start();
      nuve = nuveOf(server);
      application = await serveLicodePage(library);
      chromium = await startChromium();
      room = await nuve.createRoom('licode', { data: { why: 'a test' } });
    });

    after(async () => {
      await chromium?.close();
      application?.close();
      await server?.stop();
    });

    test('two join, publish and subscribe: they see and hear each other', async () => {
      Ana = await enter('Ana');
      assert.equal(Ana.entered.id, room._id);
      assert.deepEqual(Ana.entered.streams, []);
      const id = await publish(Ana, 'ana');
      assert.ok(Number.isSafeInteger(id), `the id of a stream is a number: ${id}`);
      await happened(Ana, 'stream-added ana');
      Ben = await enter('Ben');
      assert.deepEqual(Ben.entered.streams, ['ana']);
      await publish(Ben, 'ben');
      await Promise.all([sees(Ana, 'ben'), sees(Ben, 'ana'), hears(Ana, 'ben'), hears(Ben, 'ana')]);
      assert.deepEqual(await nuve.users(room._id).then((users) => users.map(({ name, role }) => `${name} ${role}`).sort()), ['Ana presenter', 'Ben presenter']);
    });

    test('a further stream of each: as many connections as were asked for', async () => {
      await publish(Ana, 'ana again', { audio: false });
      await sees(Ben, 'ana again');
      await publish(Ben, 'ben again', { audio: false });
      await sees(Ana, 'ben again');
      await Promise.all([sees(Ana, 'ben'), sees(Ben, 'ana')]);
      for (const tab of [Ana, Ben]) assert.deepEqual(await tab.call(() => app.connections()), singlePC ? { all: 2, up: 2 } : { all: 4, up: 4 });
    });

    test('data reach those who have subscribed, once and in order', async () => {
      await Ana.call(() => {
        for (const n of [1, 2, 3]) app.own.ana.sendData({ n });
      });
      await until('Ben has them', () => Ben.call(() => app.data.length >= 3));
      await sleep(200);
      assert.deepEqual(await Ben.call(() => app.data), [1, 2, 3].map((n) => ['ana', { n }]));
      assert.deepEqual(await Ana.call(() => app.data), []);
    });

    test('attributes are replaced for the others, and are there for those who come later', async () => {
      await Ana.call(() => app.own.ana.setAttributes({ name: 'ana', mood: 'good' }));
      await happened(Ben, 'attributes {"name":"ana","mood":"good"}');
      const Cleo = await enter('Cleo', { more: { watch: false } });
      assert.deepEqual(await Cleo.call(() => app.stream('ana').getAttributes()), { name: 'ana', mood: 'good' });
      await Cleo.call(() => app.room.disconnect());
      assert.equal(await Cleo.call(() => app.events.at(-1)), 'room-disconnected expected-disconnection');
      await Cleo.close();
    });

    test('a stream of data alone', async () => {
      const id = await publish(Ana, 'notes', { audio: false, video: false });
      assert.ok(Number.isSafeInteger(id), JSON.stringify(id));
      await happened(Ben, 'stream-subscribed notes');
      await Ana.call(() => app.own.notes.sendData('a note'));
      await until('Ben has it', () => Ben.call(() => app.data.some(([name, msg]) => name === 'notes' && msg === 'a note')));
      await Ana.call(() => app.unpublish('notes'));
      await happened(Ben, 'stream-removed notes');
    });

    test('mute by who publishes: nothing is heard or seen anew, until it is unmuted', async () => {
      await Ana.call(() => {
        app.own.ana.muteAudio(true);
        app.own.ana.muteVideo(true);
      });
      await until('Ben hears nothing', async () => {
        const first = await energy(Ben, 'ana');
        await sleep(600);
        return (await energy(Ben, 'ana')) - first < 1e-6;
      });
      await Ana.call(() => {
        app.own.ana.muteAudio(false);
        app.own.ana.muteVideo(false);
      });
      await Promise.all([sees(Ben, 'ana'), hears(Ben, 'ana')]);
    });

    test('mute by who subscribes concerns nobody else', async () => {
      await Ben.call(() => app.stream('ana').muteVideo(true));
      await until('the picture stands', async () => {
        const first = await video(Ben, 'ana');
        await sleep(600);
        return (await video(Ben, 'ana')).frames - first.frames < 3;
      });
      await Ben.call(() => app.stream('ana').muteVideo(false));
      await sees(Ben, 'ana');
    });

    test('unsubscribe, and subscribe again', async () => {
      assert.equal(await Ben.call(() => app.unsubscribe('ana again')), true);
      await happened(Ben, 'stream-unsubscribed ana again');
      await sees(Ben, 'ana');
      assert.equal(await Ben.call(() => app.subscribe(app.stream('ana again'))), true);
      await sees(Ben, 'ana again');
      assert.deepEqual(await Ben.call(() => app.errors), []);
    });

    test('unpublish: the stream is gone for all; another one takes its place', async () => {
      assert.equal(await Ana.call(() => app.unpublish('ana again')), true);
      await happened(Ben, 'stream-removed ana again');
      await publish(Ana, 'ana anew', { audio: false });
      await sees(Ben, 'ana anew');
      await sees(Ben, 'ana');
      await Ana.call(() => app.unpublish('ana anew'));
      await happened(Ben, 'stream-removed ana anew');
    });

    if (!brief) {
      test('simulcast: a layer can be asked for', async () => {
        await publish(Ana, 'layers', { audio: false, picture: { width: 960, height: 540 } }, { simulcast: { numSpatialLayers: 3 }, maxVideoBW: 3000 });
        await sees(Ben, 'layers');
        const layers = await until('three layers are sent', async () => {
          const layers = await Ana.call(() => app.layers());
          return ['1', '2', '3'].every((rid) => layers[rid] > 0) && layers;
        }, { seconds: 40 });
        assert.ok(layers);
        const narrow = (width) => until(`the picture is ${width} wide`, async () => (await video(Ben, 'layers')).width === width, { seconds: 40 });
        await Ben.call(() => app.stream('layers').updateConfiguration({ qualityLayer: { spatialLayer: 0, temporalLayer: 2 } }));
        await narrow(240);
        await Ben.call(() => app.stream('layers').updateConfiguration({ qualityLayer: { spatialLayer: 2, temporalLayer: 2 } }));
        await narrow(960);
        await Ben.call(() => app.stream('layers').updateConfiguration({ video: { width: { max: 480 }, height: { max: 270 } }, qualityLayer: { spatialLayer: -1, temporalLayer: -1 } }));
        await narrow(480);
      });

      test('a slideshow is one picture every few seconds', async () => {
        await Ben.call(() => app.stream('layers').updateConfiguration({ slideShowMode: true }));
        await until('pictures are few', async () => {
          const first = await video(Ben, 'layers');
          await sleep(2500);
          const more = (await video(Ben, 'layers')).frames - first.frames;
          return more > 0 && more < 6;
        });
        await Ben.call(() => app.stream('layers').updateConfiguration({ slideShowMode: false }));
        await sees(Ben, 'layers');
        await Ana.call(() => app.unpublish('layers'));
        await happened(Ben, 'stream-removed layers');
      });

      test('what makes no sense, or is not ours to do, is refused with a reason', async () => {
        const id = await Ben.call(() => app.stream('ana').getID());
        await Ana.call(() => {
          app.events.length = 0;
        });
        for (const [event, msg] of [
          ['sendDataStream', { id, msg: 'in the name of Ana' }],
          ['updateStreamAttributes', { id, attrs: { name: 'not Ana' } }],
          ['unpublish', id],
          ['unpublish', 1],
          ['unsubscribe', 1],
          ['subscribe', { options: { streamId: 1 } }],
          ['subscribe', { options: { streamId: '../1' } }],
          ['subscribe', null],
          ['getStreamStats', 1],
          ['startRecorder', { to: id }],
          ['stopRecorder', { id: 1 }],
          ['publish', { options: { state: 'url', audio: true, video: true, label: 'x' }, sdp: 'file:///etc/passwd' }],
          ['publish', { options: { state: 'recording', audio: true, video: true, label: 'x' }, sdp: '../../x' }],
          ['publish', 'nonsense'],
        ]) {
          const [result, reason] = await Ben.call(([event, msg]) => app.say(event, msg), [event, msg]);
          assert.equal(result, null, `${event} ${JSON.stringify(msg)}`);
          assert.equal(typeof reason, 'string', `${event} ${JSON.stringify(msg)}`);
        }
        // Others noticed nothing, and those who asked go on.
        const Otto = await enter('Otto', { more: { watch: false } });
        assert.deepEqual(await Otto.call(() => app.stream('ana').getAttributes()), { name: 'ana', mood: 'good' });
        await Otto.close();
        assert.deepEqual(await Ana.call(() => app.events), []);
        await Promise.all([sees(Ana, 'ben'), sees(Ben, 'ana')]);
      });

      test('statistics have the names that applications look for', async () => {
        const stats = await Ben.call(() => app.stats('ana'));
        assert.ok(stats.publisher, JSON.stringify(Object.keys(stats)));
        const [, subscriber] = Object.entries(stats).find(([name]) => name !== 'publisher');
        for (const one of [stats.publisher, subscriber]) {
          const streams = Object.entries(one).filter(([name]) => /^\d+$/.test(name));
          assert.deepEqual(streams.map(([, { type }]) => type).sort(), ['audio', 'video']);
          assert.ok(streams.every(([, { bitrateCalculated }]) => bitrateCalculated > 0), JSON.stringify(one));
          assert.ok(one.total.bitrateCalculated > 0);
        }
      });

      test('who may only watch is told so, and watches', async () => {
        const Vera = await enter('Vera', { role: 'viewer' });
        await sees(Vera, 'ana');
        const { error } = await publish(Vera, 'vera');
        assert.equal(error, 'Unauthorized');
        await Vera.close();
      });

      test('a token is good once', async () => {
        const used = await token('Dora');
        const Dora = await chromium.open(application.url);
        await Dora.call((token) => app.join(token), used);
        const Evil = await chromium.open(application.url);
        // Licode's library has no event for it: it does not come in, that is all.
        const outcome = await Evil.call((token) => Promise.race([app.join(token), new Promise((done) => setTimeout(() => done('outside'), 2000))]).catch(({ message }) => message), used);
        assert.match(String(outcome), /^outside$|room-error/);
        await Promise.all([Dora.close(), Evil.close()]);
      });
    }

    test('the socket is cut: media play on, and what was said meanwhile arrives, once', async () => {
      await Ben.call(() => {
        app.data.length = 0;
        app.events.length = 0;
        app.cut();
      });
      await happened(Ben, 'room-reconnecting');
      const before = await video(Ben, 'ana');
      await Ana.call(() => {
        for (const n of [4, 5]) app.own.ana.sendData({ n });
      });
      await Ben.call(() => app.own.ben.sendData('from the dark'));
      await Ben.call(() => app.light());
      await happened(Ben, 'room-reconnected');
      await Ana.call(() => app.own.ana.sendData({ n: 6 }));
      await until('Ben has the last', () => Ben.call(() => app.data.some(([, msg]) => msg.n === 6)));
      assert.deepEqual(await Ben.call(() => app.data.map(([, { n }]) => n)), [4, 5, 6]);
      await until('Ana has what Ben said', () => Ana.call(() => app.data.filter(([, msg]) => msg === 'from the dark').length === 1));
      assert.ok((await video(Ben, 'ana')).frames > before.frames, 'the video stood still');
      assert.deepEqual(await Ana.call(() => app.events.filter((event) => event === 'stream-removed ben')), [], 'Ana noticed nothing');
      await sees(Ana, 'ben');
    });

    test('ICE is restarted: media go on', async () => {
      await Ben.call(() => app.restartIce());
      await sleep(1000);
      await Promise.all([sees(Ana, 'ben'), sees(Ben, 'ana'), hears(Ben, 'ana')]);
      const { all, up } = await Ben.call(() => app.connections());
      assert.equal(up, all);
    });

    test('a kicked user is out: at once for the others, and for good', async () => {
      await nuve.deleteUser(room._id, 'Ben');
      await happened(Ana, 'stream-removed ben');
      assert.deepEqual((await nuve.users(room._id)).map(({ name }) => name).filter((name) => name === 'Ben'), []);
      await happened(Ben, 'room-disconnected unexpected-disconnection');
      await sleep(500);
      assert.deepEqual((await nuve.users(room._id)).map(({ name }) => name).filter((name) => name === 'Ben'), []);
      await Ben.close();
    });

    test('a closed window leaves at once', async () => {
      const Finn = await enter('Finn');
      await publish(Finn, 'finn');
      await sees(Ana, 'finn');
      await Finn.page.close({ runBeforeUnload: true });
      await until('finn is gone', () => Ana.call(() => app.events.includes('stream-removed finn')), { seconds: 8 });
    });

    if (!brief) {
      test('in a p2p room the browsers are connected with each other', async () => {
        const straight = await nuve.createRoom('straight', { p2p: true });
        const Gil = await enter('Gil', { where: straight });
        assert.equal(Gil.entered.p2p, true);
        await publish(Gil, 'gil');
        const Hal = await enter('Hal', { where: straight });
        await publish(Hal, 'hal');
        await Promise.all([sees(Gil, 'hal'), sees(Hal, 'gil'), hears(Gil, 'hal'), hears(Hal, 'gil')]);
        for (const tab of [Gil, Hal]) assert.ok(!(await tab.call(() => app.peers())).includes(server.mediaPort), 'media go by the server');
        await Gil.call(() => app.own.gil.sendData('straight'));
        await until('Hal has it', () => Hal.call(() => app.data.some(([, msg]) => msg === 'straight')));
        await Gil.call(() => app.room.disconnect());
        await happened(Hal, 'stream-removed gil');
      });
    }
  });
}
