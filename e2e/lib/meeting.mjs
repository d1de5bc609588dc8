// The meeting page as tests see it: who is on it, and what of them.

import { until } from './until.mjs';

/** The address of a room's page; `more` goes into the query. */
export function meetingURL(server, room, more = {}) {
  const query = new URLSearchParams(more).toString();
  return `${server.url}/m/${room}${query && `?${query}`}`;
}

/** Opens the page of a room and comes in without the lobby. */
export async function comeIn(browser, server, room, name, { more = {}, options } = {}) {
  const tab = await browser.open(meetingURL(server, room, { name, join: 1, ...more }), options);
  await inState(tab, 'meeting');
  return tab;
}

/** Waits until the page is a landing, a lobby, a meeting and so on. */
export function inState(tab, state) {
  return until(`the page is ${state}`, () => tab.call((state) => document.documentElement.dataset.state === state, state));
}

/** The names of those who have a tile. */
export function names(tab) {
  return tab.call(() => [...document.querySelectorAll('[data-participant]')].map((tile) => tile.dataset.name).sort());
}

/** What a person's tile shows, and how many frames of it were decoded; null without one. */
export function tile(tab, name) {
  return tab.call(async (name) => {
    const tile = document.querySelector(`[data-participant][data-name="${name}"]`);
    const video = tile?.querySelector('video');
    const track = video?.srcObject?.getVideoTracks()[0];
    // Firefox counts no frames of a video element that plays a MediaStream.
    const { raw } = track ? await tertulia.room.getStats() : { raw: new Map() };
    const inbound = [...raw.values()].find((report) => report.type === 'inbound-rtp' && report.trackIdentifier === track.id);
    return (
      tile && {
        mic: tile.dataset.mic,
        camera: tile.dataset.camera,
        label: tile.getAttribute('aria-label'),
        avatar: tile.querySelector('.avatar') !== null,
        width: video?.videoWidth ?? 0,
        time: video?.currentTime ?? 0,
        frames: inbound?.framesDecoded ?? 0,
      }
    );
  }, name);
}

/** Waits until a person's picture is there and moves. */
export async function sees(tab, name) {
  const first = await until(`${name} is seen`, async () => {
    const now = await tile(tab, name);
    return now?.width > 0 && now.frames > 0 && now;
  });
  await until(`${name} moves`, async () => {
    const now = await tile(tab, name);
    return now?.frames > first.frames + 5 && now.time > first.time;
  });
}

/** Waits until what the page plays can be heard. */
export function hears(tab) {
  return until('somebody is heard', () =>
    tab.call(() => {
      const playing = [...document.querySelectorAll('audio[data-sound]')].filter((audio) => !audio.paused && audio.srcObject?.getAudioTracks().length);
      globalThis.ears ??= { context: new AudioContext(), analysers: new Map(), loudest: 0 };
      const { context, analysers } = globalThis.ears;
      const samples = new Float32Array(2048);
      for (const { srcObject } of playing) {
        const [track] = srcObject.getAudioTracks();
        if (!analysers.has(track.id)) {
          const analyser = context.createAnalyser();
          context.createMediaStreamSource(srcObject).connect(analyser);
          analysers.set(track.id, analyser);
        }
        analysers.get(track.id).getFloatTimeDomainData(samples);
        if (Math.max(...samples.map(Math.abs)) > 0.01) return true;
      }
      return false;
    }),
  );
}

/** Presses the button of that data-testid. */
export function press(tab, id) {
  return tab.call((id) => {
    const button = document.querySelector(`[data-testid="${id}"]`);
    if (!button || button.disabled) throw new Error(`there is no button ${id} to press`);
    button.click();
  }, id);
}

/** The text of what has that data-testid; null if it is not there. */
export function textOf(tab, id) {
  return tab.call((id) => document.querySelector(`[data-testid="${id}"]`)?.textContent.trim() ?? null, id);
}
