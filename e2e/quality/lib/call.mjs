// A publisher and a subscriber in tabs of one Chromium, each behind a link if
// asked, with a camera whose frames say which they are.

import assert from 'node:assert/strict';
import { serveApplication } from '../../lib/application.mjs';
import { startChromium } from '../../lib/browsers.mjs';
import { Server } from '../../lib/server.mjs';
import { sleep, until } from '../../lib/until.mjs';
import { Link, buildLink } from './link.mjs';
import { makeSource } from './source.mjs';

/** What all calls of a test file share. */
export class Stage {
  static async start({ picture, server } = {}) {
    const stage = new Stage();
    buildLink();
    stage.source = await makeSource(picture);
    stage.server = await Server.start(server);
    stage.application = await serveApplication();
    stage.chromium = await startChromium({ flags: stage.source.flags });
    stage.rooms = 0;
    return stage;
  }

  async close() {
    await this.chromium?.close();
    this.application?.close();
    await this.server?.stop();
    await this.source?.close();
  }

  /** Makes a room, hands a call in it to `check`, and ends it. */
  async call(options, check) {
    const call = new Call(this);
    try {
      await call.begin(options);
      return await check(call);
    } finally {
      await call.end();
    }
  }
}

class Call {
  tabs = [];
  links = [];

  constructor(stage) {
    this.stage = stage;
  }

  async begin({ codec = 'VP8' }) {
    this.room = await this.stage.server.room(`quality-${++this.stage.rooms}`, { codecs: [codec, 'opus'] });
  }

  async end() {
    for (const tab of this.tabs) await tab.close();
    for (const link of this.links) await link.close();
  }

  /** Brings somebody in; with `link`, the settings of one, all of their media goes by way of it. */
  async enter(name, { link, hooks = {}, join } = {}) {
    const tab = await this.stage.chromium.open(this.stage.application.url);
    this.tabs.push(tab);
    if (link) {
      tab.link = await Link.start(this.stage.server, link);
      this.links.push(tab.link);
      hooks = { ...hooks, throughLink: tab.link.udp };
    }
    await tab.call(async (hooks) => {
      const all = await import('/quality/hooks.mjs');
      for (const [name, argument] of Object.entries(hooks)) all[name](argument);
    }, hooks);
    const { url } = this.stage.server;
    const token = await this.stage.server.token(this.room, name);
    await tab.call(({ url, token, join }) => app.join(url, token, join), { url, token, join });
    return tab;
  }

  /** Brings somebody in who publishes the marked camera. */
  async publisher(name, { camera = {}, ...options } = {}) {
    const tab = await this.enter(name, options);
    await tab.call((camera) => app.publish('camera', camera), { audio: true, video: this.stage.source.camera, ...camera });
    return tab;
  }

  /** Brings somebody in who watches the videos of others. */
  async subscriber(name, others, options) {
    const tab = await this.enter(name, options);
    for (const other of others) {
      await until(`${name} sees ${other}`, async () => (await tab.call((user) => app.video(user), other))?.frames > 0);
      assert.ok(await tab.call(async (user) => (await import('/quality/watch.mjs')).watch(user), other));
    }
    return tab;
  }
}

/**
 * What a tab saw of a user's video in the time that `during` takes, or in so
 * many milliseconds; `tolerated` is how many places of a frame may be wrong.
 */
export async function seen(tab, user, during, tolerated = 0) {
  const from = await tab.call(() => performance.now());
  const began = Date.now();
  if (typeof during === 'number') await sleep(during);
  else await during();
  const report = await tab.call(({ user, from, tolerated }) => watches[user].report(from, { tolerated }), { user, from, tolerated });
  if (tab.link) {
    report.link = await tab.link.stats(began);
    for (const { remote } of report.seconds) assert.equal(remote, tab.link.udp, 'media does not go by way of the link');
    assert.ok(report.link.down.inPackets > 0, 'nothing went over the link');
  }
  return report;
}

/** What a tab has sent of its camera, each encoding by itself, as WebRTC statistics have it. */
export function sent(tab) {
  return tab.call(async () => {
    const { raw } = await app.room.getStats();
    return [...raw.values()].filter((r) => r.type === 'outbound-rtp' && r.kind === 'video');
  });
}

/** How many frames of a user's video a tab has decoded. */
export const decoded = async (tab, user) => (await tab.call((user) => app.video(user), user)).frames;

/** Waits until a publisher sends every layer, the largest in full size; gives what it sends. */
export function sendsAll(tab, width, encodings = 1) {
  return until('all layers are sent', async () => {
    const all = await sent(tab);
    return all.length === encodings && all.every((each) => each.framesPerSecond > 10) && all.some((each) => each.frameWidth === width) && all;
  });
}

/** A report in few words, for the log of a test. */
export function inShort({ seconds, link, brokenFrames, ...rest }) {
  const [first, last] = [seconds[0], seconds.at(-1)];
  const difference = (name) => (first && last ? last[name] - first[name] : 0);
  return JSON.stringify({
    ...rest,
    perSecond: seconds.slice(1).map((s, i) => s.frames - seconds[i].frames),
    ...Object.fromEntries(['packets', 'lost', 'repeated', 'nacks', 'plis', 'freezes', 'keyframes', 'dropped'].map((name) => [name, difference(name)])),
    kbps: last && Math.round((difference('bytes') * 8) / (last.at - first.at)),
    ...(link && { queue: link.down.queue, linkLost: link.down.lost, overflowed: link.down.overflowed, lateMs: Math.round(link.down.lateMs) }),
  });
}
