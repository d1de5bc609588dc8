// Two people on Chromium in a room, for the networks of this folder. Run in a
// network namespace of its own, this script's lines set the network up first.

import { execFileSync } from 'node:child_process';
import { serveApplication } from '../lib/application.mjs';
import { startChromium } from '../lib/browsers.mjs';
import { Server } from '../lib/server.mjs';
import { until } from '../lib/until.mjs';

/** Runs `ip`, `nft` and the like, one command a line. */
export function setUp(...commands) {
  for (const command of commands) execFileSync('sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Drops what matches in this namespace; `rule` is an nftables expression. */
export function drop(rule) {
  execFileSync('nft', ['-f', '-'], {
    input: `table inet impairment {\n chain in {\n type filter hook input priority 0; policy accept;\n ${rule} counter drop\n }\n}\n`,
  });
}

/** Starts a call of two, hands it to `check`, and ends everything. */
export async function withCall({ host = '127.0.0.1', args = [], browser = {}, publishBoth = true } = {}, check) {
  const server = await Server.start({ host, args });
  const application = await serveApplication(host);
  const chromium = await startChromium(browser);
  try {
    const room = await server.room('network');
    const tabs = {};
    for (const name of ['Ana', 'Ben']) {
      const tab = await chromium.open(application.url);
      const token = await server.token(room, name);
      await tab.call(({ url, token }) => app.join(url, token), { url: server.url, token });
      if (name === 'Ana' || publishBoth) await tab.call(() => app.publish());
      tabs[name] = tab;
    }
    await check({ server, chromium, application, room, ...tabs });
  } finally {
    await chromium.close();
    application.close();
    await server.stop();
  }
}

/** Waits until a tab decodes a user's video, and goes on decoding it. */
export async function sees(tab, user, seconds = 20) {
  const first = await until(`the video of ${user} is decoded`, async () => {
    const video = await tab.call((u) => app.video(u), user);
    return video?.width > 0 && video.frames > 0 && video;
  }, { seconds });
  await until(`the video of ${user} goes on`, async () => (await tab.call((u) => app.video(u), user)).frames > first.frames + 10, { seconds });
}

/** The selected candidate pair of a tab, as WebRTC statistics have it. */
export function selectedPair(tab) {
  return tab.call(async () => {
    const { raw } = await app.room.getStats();
    const reports = [...raw.values()];
    const transport = reports.find((r) => r.type === 'transport');
    const pair = raw.get(transport.selectedCandidatePairId);
    const local = raw.get(pair.localCandidateId);
    const remote = raw.get(pair.remoteCandidateId);
    return { protocol: local.protocol, remote: remote.address, port: remote.port, srtp: transport.srtpCipher };
  });
}
