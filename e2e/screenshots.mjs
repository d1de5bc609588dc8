// Takes pictures of the meeting page, from the real binary with real calls, for
// people to look at: npm run screenshots [part of a name]. They are in artifacts/.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startChromium } from './lib/browsers.mjs';
import { inState, meetingURL, press } from './lib/meeting.mjs';
import { Server } from './lib/server.mjs';
import { sleep, until } from './lib/until.mjs';

const folder = fileURLToPath(new URL('artifacts/', import.meta.url));
const wanted = process.argv[2] ?? '';
const shapes = {
  wide: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
// Of those who are not in the picture: painting their pages too would leave nothing for it.
const small = { viewport: { width: 320, height: 240 } };
const others = ['Björn Lind', 'Chiara Rossi', 'Dorothea von Hohenstein', 'Emeka', 'Fatima Zahra', 'Goran Ilić', 'Hana Sato', 'Iván'];

/**
 * Goes before the page: the camera is a painted person, of a size and a rate
 * that nine of them fit on a small machine; the screen is a painted one; the
 * microphone is silent unless the address says ?voice=1.
 */
function paintDevices() {
  const paint = (width, height, rate, draw) => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const pen = canvas.getContext('2d');
    let time = 0;
    const frame = () => draw(pen, (time += 1 / rate));
    frame();
    setInterval(frame, 1000 / rate);
    return canvas.captureStream(rate).getVideoTracks()[0];
  };
  const who = new URLSearchParams(location.search).get('name') ?? 'Ana';
  const seed = [...who].reduce((sum, letter) => sum + letter.codePointAt(0), 0);
  const person = () =>
    paint(480, 270, 6, (pen, time) => {
      const hue = (seed * 47) % 360;
      const wall = pen.createLinearGradient(0, 0, 480, 270);
      wall.addColorStop(0, `hsl(${hue} 28% 72%)`);
      wall.addColorStop(1, `hsl(${hue + 30} 30% 42%)`);
      pen.fillStyle = wall;
      pen.fillRect(0, 0, 480, 270);
      const round = (colour, x, y, width, height) => {
        pen.fillStyle = colour;
        pen.beginPath();
        pen.ellipse(x, y, width, height, 0, 0, 7);
        pen.fill();
      };
      const x = 240 + Math.sin(time) * 8;
      round(`hsl(${hue + 200} 42% 34%)`, x, 292, 112, 104);
      round(['#2b1b12', '#6b3e1f', '#b07b3e', '#7d7d7d'][seed % 4], x, 112, 59, 69);
      round(['#f1c9a5', '#8d5a3b', '#c98d62', '#5f3b28', '#f5d6b8'][seed % 5], x, 127, 48, 60);
      round('#2b1b12', x - 18, 119, 4, 4);
      round('#2b1b12', x + 18, 119, 4, 4);
      round('#8b3b32', x, 152, 12, 4 + 3 * Math.sin(time * 4));
    });
  const screen = () =>
    paint(1280, 800, 3, (pen, time) => {
      pen.fillStyle = '#f7f7f5';
      pen.fillRect(0, 0, 1280, 800);
      pen.fillStyle = '#2f3b52';
      pen.fillRect(0, 0, 1280, 46);
      pen.fillStyle = '#1f2937';
      pen.font = '600 40px sans-serif';
      pen.fillText('The plan for spring', 80, 140);
      pen.font = '24px sans-serif';
      ['Readings in the garden', 'Repair the long table', 'A new lamp, chairs for twelve', 'Invite the neighbours'].forEach((row, i) =>
        pen.fillText(`•  ${row}`, 84, 218 + i * 62),
      );
      [90, 140, 120, 210, 260, 240, 330].forEach((bar, i) => {
        pen.fillStyle = i === 6 ? '#c8623f' : '#d9c6ae';
        pen.fillRect(700 + i * 72, 700 - bar, 48, bar);
      });
      pen.fillText(`${time.toFixed(0)} s`, 80, 740);
    });
  const devices = navigator.mediaDevices;
  const native = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async ({ audio, video }) => {
    const tracks = [];
    if (audio) {
      const voice = new URLSearchParams(location.search).has('voice');
      if (voice) tracks.push(...(await native({ audio: true })).getAudioTracks());
      else tracks.push(new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0]);
    }
    if (video) tracks.push(person());
    return new MediaStream(tracks);
  };
  devices.getDisplayMedia = async () => new MediaStream([screen()]);
}

let server;
let chromium;

async function at(url, options = {}) {
  const tab = await chromium.open('about:blank', options);
  await tab.page.addInitScript(paintDevices);
  await tab.page.goto(url);
  return tab;
}

/** Somebody in the room. */
async function guest(name, more = {}, options = {}) {
  const tab = await at(meetingURL(server, 'supper', { name, join: 1, ...more }), options);
  await inState(tab, 'meeting');
  return tab;
}

/** Pictures of a tab in light and dark. */
async function take(tab, name) {
  for (const colorScheme of ['light', 'dark']) {
    await tab.page.emulateMedia({ colorScheme });
    await sleep(250); // colours and tiles glide
    await tab.page.screenshot({ path: `${folder}${name}-${colorScheme}.png` });
  }
  console.log(name);
}

/** One tab in each shape. `prepare` brings it to what is to be seen. */
async function each(name, open, prepare = () => {}) {
  for (const [shape, options] of Object.entries(shapes)) {
    if (!`${name}-${shape}`.includes(wanted)) continue;
    const tab = await open(options);
    try {
      await prepare(tab, shape);
      await take(tab, `${name}-${shape}`);
    } finally {
      await tab.close();
    }
  }
}

const viewer = (options) => guest('Ana', { voice: 1 }, options);

/** Waits until so many are there, and nobody's picture is still coming. */
async function complete(tab, people) {
  await until(`${people} people`, async () => tab.call((people) => tertulia.room.participants.size === people - 1, people));
  await until('all pictures', () =>
    tab.call(() => !document.querySelector('[data-camera="waiting"]') && [...document.querySelectorAll('[data-participant]')].every((tile) => !tile.querySelector('video') || !tile.querySelector('.empty'))),
  );
  await until('they move', () =>
    tab.call(async () => {
      const moving = (video) => new Promise((done) => video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(done)));
      await Promise.all([...document.querySelectorAll('[data-participant] video')].map(moving));
      return true;
    }),
  );
  await until('the notices are gone', () => tab.call(() => !document.querySelector('[data-testid="notice"]')));
}

await mkdir(folder, { recursive: true });
server = await Server.start();
chromium = await startChromium();
try {
  await each('landing', (options) => at(server.url, options));
  await each('lobby', (options) => at(meetingURL(server, 'supper', { name: 'Ana', voice: 1 }), options), async (tab) => {
    await until('the preview', () => tab.call(() => document.querySelector('[data-testid="preview"]')?.videoWidth > 0));
  });
  await each('lobby-devices', (options) => at(meetingURL(server, 'supper', { name: 'Ana', audio: 0, video: 0 }), options), async (tab) => {
    await press(tab, 'mic');
    await until('devices have names', () => tab.call(() => document.querySelector('summary') !== null));
    await tab.call(() => document.querySelector('summary').click());
  });

  const present = [];
  const bring = async (count) => {
    while (present.length < count - 1) {
      const i = present.length;
      // Three with a camera, then every other; some are muted.
      present.push(await guest(others[i], { ...(i === 1 && { voice: 1 }), ...(i > 2 && i % 2 && { video: 0 }), ...(i % 3 === 2 && { audio: 0 }) }, small));
    }
  };
  for (const people of [1, 2, 3]) {
    await bring(people);
    await each(`meeting-${people}`, viewer, (tab) => complete(tab, people));
  }
  await each('chat', viewer, async (tab, shape) => {
    await complete(tab, 3);
    await press(tab, 'chat');
    const say = (who, text) => who.call((text) => tertulia.room.send({ type: 'chat', text }).then(() => null), text);
    await say(present[0], 'Good evening! Did everybody find the recipe?');
    await say(present[0], 'It is at https://example.org/paella');
    await say(present[1], 'Yes, thank you. I would leave out the peas.');
    await tab.page.getByTestId('chat-input').fill('Never the peas!');
    await press(tab, 'chat-send');
    await say(present[0], 'Heresy.');
    await until('all lines', () => tab.call(() => document.querySelectorAll('[data-testid="chat-line"]').length === 5));
    if (shape === 'wide') await tab.page.getByTestId('chat-input').fill('A line that is being written');
  });
  await each('people', viewer, async (tab) => {
    await complete(tab, 3);
    await press(tab, 'people');
  });
  await each('settings', viewer, async (tab) => {
    await complete(tab, 3);
    await press(tab, 'settings');
  });
  await each('camera-off', viewer, async (tab) => {
    await complete(tab, 3);
    await press(tab, 'camera');
    await press(tab, 'mic');
    await press(present[0], 'camera');
    await until('the avatar', () => tab.call(() => document.querySelector('[data-name="Björn Lind"]').dataset.camera === 'muted'));
    await press(present[0], 'camera');
    await until('it is told', () => tab.call(() => document.querySelectorAll('[data-camera="muted"]').length > 0));
  });
  await press(present[1], 'screen');
  await each('share', viewer, async (tab) => {
    await complete(tab, 3);
    await until('the screen', () => tab.call(() => document.querySelector('[data-stage] video')?.videoWidth > 0));
  });
  if ('share-own-wide'.includes(wanted)) {
    await present[1].page.setViewportSize(shapes.wide.viewport);
    await take(present[1], 'share-own-wide');
    await present[1].page.setViewportSize(small.viewport);
  }
  await press(present[1], 'screen');
  await bring(9);
  await each('meeting-9', viewer, (tab) => complete(tab, 9));
  await each('chat-9', viewer, async (tab) => {
    await complete(tab, 9);
    await press(tab, 'chat');
  });
  await press(present[1], 'screen');
  await each('share-9', viewer, async (tab) => {
    await complete(tab, 9);
    await until('the screen', () => tab.call(() => document.querySelector('[data-stage] video')?.videoWidth > 0));
  });
  await each('left', viewer, async (tab) => {
    await press(tab, 'leave');
    await inState(tab, 'left');
  });
} finally {
  if (server.process.exitCode !== null || server.process.signalCode) console.log(`the server ended: ${server.process.exitCode} ${server.process.signalCode}\n${server.log}`);
  await chromium.close();
  await server.stop();
}
