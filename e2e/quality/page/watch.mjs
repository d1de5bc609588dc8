// Watches a video that a page receives: every frame that is decoded, every frame
// that is shown, and once a second what WebRTC and the server count.

import { judge, readMarks, steps } from './marks.mjs';

/** One received video; times are performance.now(). */
export class Watch {
  decoded = []; // {at, n, wrong, width, height, numbers (of broken ones)}
  shown = []; // when
  seconds = [];
  lags = []; // {at, ms}: how late a timer came

  constructor(room, video, track) {
    this.room = room;
    this.track = track;
    this.timer = setInterval(() => void this.#count(), 1000);
    let ticked = performance.now();
    this.ticker = setInterval(() => {
      const at = performance.now();
      this.lags.push({ at, ms: at - ticked - 50 });
      ticked = at;
    }, 50);
    const show = (now, { presentationTime }) => {
      this.shown.push(presentationTime);
      this.handle = video.requestVideoFrameCallback(show);
    };
    this.handle = video.requestVideoFrameCallback(show);
    this.stop = () => {
      clearInterval(this.timer);
      clearInterval(this.ticker);
      video.cancelVideoFrameCallback(this.handle);
      void this.reader.cancel();
    };
    this.reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 60 }).readable.getReader();
    this.#read().catch((error) => {
      this.failure = error;
    });
  }

  // Not by way of the video element: that leaves frames out when the page is busy.
  async #read() {
    let buffer = new Uint8Array(0);
    for (;;) {
      const { done, value: frame } = await this.reader.read();
      if (done) return;
      const at = performance.now();
      const { width, height } = frame.visibleRect;
      const size = frame.allocationSize();
      if (buffer.length < size) buffer = new Uint8Array(size);
      const [luma] = await frame.copyTo(buffer);
      const { format } = frame;
      frame.close();
      if (format !== 'I420' && format !== 'NV12') throw new Error(`frames come as ${format}, which is not known here`);
      const numbers = readMarks(buffer.subarray(luma.offset), luma.stride, width);
      const { n, wrong } = judge(numbers);
      this.decoded.push({ at, n, wrong, width, height, ...(wrong > 0 && { numbers }) });
    }
  }

  async #count() {
    const { raw, server } = await this.room.getStats({ server: true });
    const inbound = [...raw.values()].find((r) => r.type === 'inbound-rtp' && r.trackIdentifier === this.track.id);
    if (!inbound) return;
    const pair = raw.get([...raw.values()].find((r) => r.type === 'transport')?.selectedCandidatePairId);
    const remote = raw.get(pair?.remoteCandidateId);
    this.seconds.push({
      at: performance.now(),
      frames: inbound.framesDecoded,
      dropped: inbound.framesDropped,
      keyframes: inbound.keyFramesDecoded,
      width: inbound.frameWidth,
      height: inbound.frameHeight,
      packets: inbound.packetsReceived,
      lost: inbound.packetsLost,
      repeated: inbound.retransmittedPacketsReceived,
      bytes: inbound.bytesReceived,
      nacks: inbound.nackCount,
      plis: inbound.pliCount,
      freezes: inbound.freezeCount,
      frozen: inbound.totalFreezesDuration,
      buffered: inbound.jitterBufferEmittedCount ? inbound.jitterBufferDelay / inbound.jitterBufferEmittedCount : 0,
      rtt: pair?.currentRoundTripTime,
      remote: remote && `${remote.address}:${remote.port}`,
      server: server?.map(({ router }) => ({ link: router.link, subscribed: router.subscribed })),
    });
  }

  /** What there was to see between two times. A frame with more than `tolerated` wrong places is broken. */
  report(from = 0, { to = performance.now(), tolerated = 0 } = {}) {
    if (this.failure) throw this.failure;
    const within = (at) => at >= from && at <= to;
    const decoded = this.decoded.filter(({ at }) => within(at));
    const whole = decoded.filter(({ n, wrong }) => n >= 0 && wrong <= tolerated);
    const backwards = [];
    let repeats = 0;
    for (let i = 1; i < whole.length; i++) {
      const step = steps(whole[i - 1].n, whole[i].n);
      if (step === 0) repeats++;
      // Encodings are encoded one after another, so one that is switched to may be a
      // frame or two behind. And what was not to be seen for so long may be any number.
      const back = whole[i].width === whole[i - 1].width ? 0 : -2;
      if (step < back && whole[i].at - whole[i - 1].at < 1500) backwards.push({ at: Math.round(whole[i].at - from), from: whole[i - 1].n, to: whole[i].n });
    }
    const sizes = [];
    for (const { at, width, height } of decoded) {
      if (sizes.at(-1)?.width !== width || sizes.at(-1)?.height !== height) sizes.push({ at: Math.round(at - from), width, height });
    }
    let gap = { ms: 0, at: 0 };
    let last = from;
    for (const at of [...this.shown.filter(within), to]) {
      if (at - last > gap.ms) gap = { ms: Math.round(at - last), at: Math.round(last - from) };
      last = at;
    }
    return {
      decoded: decoded.length,
      shown: this.shown.filter(within).length,
      broken: decoded.length - whole.length,
      odd: decoded.filter(({ wrong }) => wrong > 0).length,
      brokenFrames: decoded
        .filter(({ wrong }) => wrong > tolerated)
        .slice(0, 10)
        .map(({ at, width, numbers }) => `${Math.round(at - from)} ms, ${width} wide: ${numbers}`),
      backwards,
      repeats,
      sizes,
      longestGap: gap,
      lag: Math.round(Math.max(0, ...this.lags.filter(({ at }) => within(at)).map(({ ms }) => ms))),
      seconds: this.seconds.filter(({ at }) => within(at)).map((s) => ({ ...s, at: Math.round(s.at - from) })),
    };
  }
}

/** Watches the video of a user, once it is there. */
export function watch(user) {
  const stream = app.streamOf(user);
  const video = stream && document.querySelector(`video[data-stream="${stream.id}"]`);
  const track = stream?.mediaStream.getVideoTracks()[0];
  if (!video || !track) return false;
  (globalThis.watches ??= {})[user] = new Watch(app.room, video, track);
  return true;
}
