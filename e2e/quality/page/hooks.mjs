// What tests change of a page's WebRTC behind the SDK's back. All of it takes
// effect on connections that are made later.

const { prototype } = RTCPeerConnection;

/** Sends all media by way of a link emulator at a UDP address, instead of to the server. */
export function throughLink(address) {
  const cut = address.lastIndexOf(':');
  const original = prototype.setRemoteDescription;
  prototype.setRemoteDescription = function (description) {
    let kept = 0;
    const lines = description.sdp.split('\r\n').flatMap((line) => {
      if (!line.startsWith('a=candidate:')) return [line];
      const words = line.split(' ');
      if (words[2].toLowerCase() !== 'udp' || kept++ > 0) return [];
      words[4] = address.slice(0, cut);
      words[5] = address.slice(cut + 1);
      return [words.join(' ')];
    });
    if (kept === 0) throw new Error('the answer has no UDP candidate that the link could stand before');
    return original.call(this, { type: description.type, sdp: lines.join('\r\n') });
  };
}

/** Lets the browser begin with a bitrate, kbit/s, instead of feeling its way up from 300. */
export function startWith(kbps) {
  const original = prototype.setRemoteDescription;
  prototype.setRemoteDescription = function ({ type, sdp }) {
    let video = false;
    const lines = sdp.split('\r\n').flatMap((line) => {
      if (line.startsWith('m=')) video = line.startsWith('m=video');
      const [, type] = (video && line.match(/^a=rtpmap:(\d+) (?:VP8|VP9|H264|AV1)\//)) || [];
      return type ? [line, `a=fmtp:${type} x-google-start-bitrate=${kbps}`] : [line];
    });
    return original.call(this, { type, sdp: lines.join('\r\n') });
  };
}

/** Publishes video in full size, whatever the CPU says. */
export function keepSize() {
  onVideoSender(async ({ sender }) => {
    const parameters = sender.getParameters();
    parameters.degradationPreference = 'maintain-resolution';
    await sender.setParameters(parameters);
  });
}

/** Damages every n-th frame that is published, but no keyframe: some of its bytes become others. */
export function damageEvery(n) {
  const worker = new Worker(URL.createObjectURL(new Blob([`
    onrtctransform = ({ transformer: { readable, writable } }) => {
      let count = 0;
      readable.pipeThrough(new TransformStream({
        transform(frame, controller) {
          if (++count % ${n} === 0 && frame.type === 'delta') {
            const bytes = new Uint8Array(frame.data);
            const from = bytes.length >> 1; // behind what the decoder checks
            for (let i = from; i < Math.min(from + 60, bytes.length); i++) bytes[i] ^= 0x55;
            frame.data = bytes.buffer;
          }
          controller.enqueue(frame);
        },
      })).pipeTo(writable);
    };`])));
  onVideoSender(({ sender }) => {
    sender.transform = new RTCRtpScriptTransform(worker, {});
  });
}

function onVideoSender(made) {
  const original = prototype.addTransceiver;
  prototype.addTransceiver = function (what, init) {
    const transceiver = original.call(this, what, init);
    if (init?.direction === 'sendonly' && (what === 'video' || what.kind === 'video')) void made(transceiver);
    return transceiver;
  };
}
