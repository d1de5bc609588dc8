// A peer-to-peer room: the server signals, and media go from browser to browser.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hears, sees, serveApplication } from '../lib/application.mjs';
import { startChromium, startFirefox } from '../lib/browsers.mjs';
import * as meeting from '../lib/meeting.mjs';
import { Server } from '../lib/server.mjs';
import { sleep, until } from '../lib/until.mjs';
import { layWire } from '../lib/wire.mjs';

describe('a peer-to-peer room', () => {
  let server;
  let application;
  let wire; // Ben's, to the server
  let chromium;
  let firefox;
  let room;
  const people = {};
  const others = (name) => Object.keys(people).filter((other) => other !== name);

  const enter = async (name, browser) => {
    const tab = await browser.open(application.url);
    await tab.page.exposeFunction?.('freshToken', () => server.token(room, name));
    const token = await server.token(room, name);
    await tab.call(({ url, token }) => app.join(url, token), { url: name === 'Ben' ? wire.url : server.url, token });
    await tab.call(() => app.publish('camera', { data: true, video: { width: 320, height: 180, frameRate: 10 } }));
    people[name] = tab;
  };
  const seesAndHears = async (name, other) => {
    await sees(people[name], other);
    await hears(people[name], other);
  };

  before(async () => {
    server = await Server.start({ args: ['--log-level', 'debug', '--ice-server', 'stun:127.0.0.1:3479'] });
    application = await serveApplication();
    wire = await layWire(server.port);
    [chromium, firefox] = [await startChromium(), await startFirefox()];
    room = await server.room('pairs', { mode: 'p2p' });
  });

  after(async () => {
    await chromium?.close();
    await firefox?.close();
    wire?.close();
    application?.close();
    await server?.stop();
  });

  test('three see and hear each other', async () => {
    await Promise.all(['Ana', 'Ben', 'Cleo'].map((name) => enter(name, chromium)));
    assert.equal(await people.Ana.call(() => app.room.mode), 'p2p');
    await Promise.all(Object.keys(people).flatMap((name) => others(name).map((other) => seesAndHears(name, other))));
  });

  test('Firefox is the fourth, a fifth is refused', async () => {
    await enter('Finn', firefox);
    for (const name of ['Ana', 'Ben', 'Cleo']) await seesAndHears(name, 'Finn');
    for (const name of others('Finn')) await seesAndHears('Finn', name);
    const token = await server.token(room, 'Eve');
    const tab = await chromium.open(application.url);
    const refused = await tab.call(
      ({ url, token }) => app.join(url, token).then(() => 'let in', ({ code, message }) => `${code}: ${message}`),
      { url: server.url, token },
    );
    assert.equal(refused, 'limit: The room is full: 4 participants.');
    await tab.close();
  });

  test('each pair has one connection, and none is with the server', async () => {
    const stats = await people.Ana.call(async () => {
      const { raw, local, remote, rtt } = await app.room.getStats();
      const pairs = [...raw.values()].filter(({ type, state, nominated }) => type === 'candidate-pair' && state === 'succeeded' && nominated);
      return {
        ports: pairs.map(({ remoteCandidateId }) => raw.get(remoteCandidateId).port),
        connections: [...raw.values()].filter(({ type }) => type === 'peer-connection').length,
        sent: local[0].tracks.map(({ kind, participant, packets }) => [kind, app.room.participants.get(participant).user, packets > 0]),
        received: remote.map(({ stream, tracks }) => [stream.participant.user, tracks.every(({ packets }) => packets > 0)]),
        rtt,
      };
    });
    assert.equal(stats.connections, 3);
    assert.ok(stats.ports.length >= 3 && !stats.ports.includes(server.mediaPort), JSON.stringify(stats.ports));
    assert.deepEqual(stats.sent.map(String).sort(), ['Ben', 'Cleo', 'Finn'].flatMap((user) => [`audio,${user},true`, `video,${user},true`]).sort());
    assert.deepEqual(stats.received.map(String).sort(), ['Ben,true', 'Cleo,true', 'Finn,true']);
    assert.ok(stats.rtt < 1);
  });

  test('the server had not one packet of it', async () => {
    await sleep(6_000); // it says every five seconds what it had
    assert.doesNotMatch(server.log, /media packets stayed/);
    const stats = `/v1/rooms/${room.id}/participants/${await people.Ana.call(() => app.room.me.id)}/stats`;
    await assert.rejects(server.api('GET', stats), ({ status, problem }) => status === 422 && /peer to peer/.test(problem.detail));
    const { participants } = await server.api('GET', `/v1/rooms/${room.id}/participants`);
    const { streams } = await server.api('GET', `/v1/rooms/${room.id}/streams`);
    assert.deepEqual([participants.length, streams.length], [4, 4]);
  });

  test('what only a server can do is refused with the reason', async () => {
    const reasons = await people.Ana.call(async () => {
      const words = ({ code, message }) => `${code}: ${message}`;
      return [
        await app.streamOf('Ben').prefer('video', { width: 100 }).catch(words),
        await app.room.getStats({ server: true }).catch(words),
      ];
    });
    for (const reason of reasons) assert.match(reason, /^unsupported: This room is peer to peer: /);
  });

  test('messages and data channels go through', async () => {
    await people.Ben.call(() => app.room.send('hello').then(() => null));
    for (const name of others('Ben')) {
      await until(`${name} has the message`, () => people[name].call(() => app.messages.some(({ data }) => data === 'hello')));
    }
    await people.Ben.call(() => {
      app.pad = app.local.camera.openChannel('pad');
    });
    for (const name of others('Ben')) await until(`${name} has the channel`, () => people[name].call(() => app.channels.pad?.channel.state === 'open'));
    await people.Ben.call(() => {
      for (let i = 0; i < 50; i++) app.pad.send(String(i));
    });
    const wanted = Array.from({ length: 50 }, (_, i) => String(i));
    for (const name of others('Ben')) {
      await until(`${name} has all`, () => people[name].call(() => app.channels.pad.messages.length >= 50));
      assert.deepEqual(await people[name].call(() => app.channels.pad.messages), wanted);
    }
  });

  test('a muted track is told, and silent; a moderator may mute', async () => {
    await people.Ana.call(() => app.local.camera.mute('audio'));
    await until('Ben is told', () => people.Ben.call(() => app.tracks('Ana').some((t) => t.kind === 'audio' && t.muted)));
    await until('Ben hears nothing', async () => (await people.Ben.call(() => app.loudness('Ana'))) < 0.005);
    await people.Ana.call(() => app.local.camera.unmute('audio'));
    await hears(people.Ben, 'Ana');
    await people.Ben.call(() => app.room.mute(app.streamOf('Ana'), 'a1').then(() => null));
    await until('Ana is muted', () => people.Ana.call(() => app.local.camera.muted('audio')));
    await until('Ben hears nothing', async () => (await people.Ben.call(() => app.loudness('Ana'))) < 0.005);
    await people.Ana.call(() => app.local.camera.unmute('audio'));
  });

  test('a second stream comes and goes', async () => {
    for (let round = 0; round < 2; round++) {
      const id = await people.Cleo.call(async () => {
        app.local.screen = await Tertulia.LocalStream.screen();
        await app.room.publish(app.local.screen);
        return app.local.screen.id;
      });
      for (const name of ['Ana', 'Finn']) {
        await until(`${name} sees the screen`, () => people[name].call((id) => document.querySelector(`video[data-stream="${id}"]`)?.videoWidth > 0, id));
      }
      await people.Cleo.call(() => app.room.unpublish(app.local.screen));
      await until('the screen is gone', () => people.Ana.call((id) => !app.room.streams.has(id), id));
    }
    await seesAndHears('Ana', 'Cleo');
  });

  test('the server is killed and started again: pictures go on meanwhile, and everybody is back', async () => {
    await server.end('SIGKILL');
    const before = await people.Ana.call((user) => app.video(user), 'Ben');
    const meanwhile = await until('the picture goes on without the server', async () => {
      const now = await people.Ana.call((user) => app.video(user), 'Ben');
      return now.frames > before.frames + 5 && now;
    });
    await server.run();
    for (const [name, tab] of Object.entries(people)) {
      await until(`${name} is back`, () => tab.call(() => app.room.state === 'connected'), { seconds: 30 });
    }
    await sleep(7_000); // who is not back by then is told as gone
    for (const [name, tab] of Object.entries(people)) {
      assert.deepEqual(await tab.call(() => app.events.filter((event) => event.startsWith('left'))), [], name);
      assert.equal(await tab.call(() => app.room.streams.size), 3, name);
    }
    const after = await people.Ana.call((user) => app.video(user), 'Ben');
    assert.ok(after.frames > meanwhile.frames, 'it was another connection');
    await Promise.all(['Ana', 'Ben'].map((name) => seesAndHears(name, 'Cleo')));
    await people.Ben.call(() => app.pad.send('again'));
    for (const name of others('Ben')) {
      await until(`${name} has it`, () => people[name].call(() => app.channels.pad.messages.at(-1) === 'again'));
    }
    for (const name of ['Ana', 'Cleo']) assert.equal(await people[name].call(() => app.channels.pad.closed), false, `${name} has it on another channel`);
  });

  test('the server is started again, and one comes back when the others have given it up', async () => {
    await server.end('SIGKILL');
    wire.cut();
    await server.run();
    const theOthers = others('Ben').map((name) => [name, people[name]]);
    for (const [name, tab] of theOthers) {
      await until(`Ben is gone for ${name}`, () => tab.call(() => app.room.state === 'connected' && app.events.includes('left Ben timeout')), { seconds: 40 });
    }
    wire.mend();
    for (const [name, tab] of theOthers) {
      await until(`Ben is back for ${name}`, () => tab.call(() => app.streamOf('Ben') !== undefined), { seconds: 30 });
      await seesAndHears(name, 'Ben');
      await seesAndHears('Ben', name);
    }
    await people.Ben.call(() => app.pad.send('and again'));
    for (const [name, tab] of theOthers) {
      await until(`${name} has it`, () => tab.call(() => app.channels.pad.messages.at(-1) === 'and again'));
    }
  });

  test('who leaves is gone from all connections', async () => {
    await people.Finn.call(() => app.room.leave().then(() => null));
    await until('Finn is gone', () => people.Ana.call(() => app.room.participants.size === 2));
    const connections = await people.Ana.call(async () => {
      const { raw } = await app.room.getStats();
      return [...raw.values()].filter(({ type }) => type === 'peer-connection').length;
    });
    assert.equal(connections, 2);
    for (const tab of Object.values(people)) await tab.call(() => app.room.leave().then(() => null));
  });

  test('the meeting page is at home in it', async () => {
    const tabs = [];
    for (const name of ['Dora', 'Emil']) {
      const token = await server.token(room, name);
      const tab = await chromium.open(`${meeting.meetingURL(server, 'pairs', { join: 1 })}#token=${token}`);
      await meeting.inState(tab, 'meeting');
      tabs.push(tab);
    }
    const [dora, emil] = tabs;
    await Promise.all([meeting.sees(dora, 'Emil'), meeting.sees(emil, 'Dora'), meeting.hears(dora), meeting.hears(emil)]);
    await until('it is marked who speaks', () => dora.call(() => document.querySelector('[data-name="Emil"]').dataset.speaking === 'true'));
    await dora.page.keyboard.press('m');
    await until('Emil sees it', async () => (await meeting.tile(emil, 'Dora')).mic === 'muted');
    for (const tab of tabs) {
      assert.deepEqual(tab.log.filter((line) => /error|tertulia:/.test(line)), []);
      await tab.close();
    }
  });

  test('(in another room the server has packets, and says so)', async () => {
    room = await server.room('by the server');
    for (const name of ['Gil', 'Hana']) await enter(name, chromium);
    await until('Hana sees Gil', async () => (await people.Hana.call((user) => app.video(user), 'Gil'))?.frames > 0);
    await until('the server says so', () => /media packets stayed/.test(server.log));
  });
});
