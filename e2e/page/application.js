// What the tests do in a page, by way of the SDK. Everything hangs on `app`.

const app = {
  room: undefined,
  local: {},
  messages: [],
  events: [],
  channels: {},
};

/** Enters a room and shows every stream in it. */
app.join = async (server, token, options = {}) => {
  const started = performance.now();
  const room = await Tertulia.connect(server, token, options);
  app.room = room;
  app.joinedAfter = performance.now() - started;
  room.on('message', (message) => app.messages.push(message));
  room.on('state', (state) => app.events.push(`state ${state}`));
  room.on('ended', (reason) => app.events.push(`ended ${reason}`));
  room.on('participant-left', (participant, reason) => app.events.push(`left ${participant.user} ${reason}`));
  room.on('stream-published', (stream) => app.show(stream));
  for (const stream of room.streams.values()) app.show(stream);
  return room.me.id;
};

/** Plays a stream in an element of its own, and listens to its sound. */
app.show = (stream) => {
  const video = document.createElement('video');
  video.autoplay = true;
  video.playsInline = true;
  video.dataset.stream = stream.id;
  video.srcObject = stream.mediaStream;
  document.querySelector('main').append(video);
  stream.on('channel', (channel) => {
    const got = (app.channels[channel.label] ??= { messages: [], closed: false, channel });
    channel.on('message', (data) => got.messages.push(typeof data === 'string' ? data : data.byteLength));
    channel.on('close', () => {
      got.closed = true;
    });
  });
  stream.on('ended', () => video.remove());
};

/** Publishes the fake camera and microphone. */
app.publish = async (name = 'camera', options = { audio: true, video: true }) => {
  const stream = await Tertulia.LocalStream.camera(options);
  app.local[name] = stream;
  await app.room.publish(stream);
  return stream.id;
};

/** The stream of a user that the room has, once it is there. */
app.streamOf = (user) =>
  [...app.room.streams.values()].find((stream) => stream.participant.user === user);

/** What is decoded of a user's video: frames so far, size, and time played. */
app.video = async (user) => {
  const stream = app.streamOf(user);
  const video = stream && document.querySelector(`video[data-stream="${stream.id}"]`);
  const track = stream?.mediaStream.getVideoTracks()[0];
  if (!video || !track) return undefined;
  const { raw } = await app.room.getStats();
  const inbound = [...raw.values()].find((r) => r.type === 'inbound-rtp' && r.kind === 'video' && r.trackIdentifier === track.id);
  return { width: video.videoWidth, height: video.videoHeight, time: video.currentTime, frames: inbound?.framesDecoded ?? 0 };
};

/** How loud a user's audio is over half a second (0…1). */
app.loudness = async (user) => {
  const stream = app.streamOf(user);
  const track = stream?.mediaStream.getAudioTracks()[0];
  if (!track) return 0;
  const context = (app.audio ??= new AudioContext());
  await context.resume();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loudest = 0;
  for (let i = 0; i < 25; i++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    analyser.getFloatTimeDomainData(samples);
    for (const s of samples) loudest = Math.max(loudest, Math.abs(s));
  }
  source.disconnect();
  return loudest;
};

/** The states of a user's tracks, as the SDK tells them. */
app.tracks = (user) =>
  (app.streamOf(user)?.tracks ?? []).map(({ id, kind, source, muted, codec, state, reason }) => ({ id, kind, source, muted, codec, state, reason }));
