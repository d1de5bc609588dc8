// What the tests do in a page, by way of Licode's API. Everything hangs on `app`.

const app = {
  room: undefined,
  /** Streams of ours, and of others, by names that the tests give: the attribute `name`. */
  own: {},
  /** What has happened, in words. */
  events: [],
  /** What came as data: name and message. */
  data: [],
  /** What the callbacks said, where it was an error. */
  errors: [],
};

Erizo.Logger?.setLogLevel(Erizo.Logger.NONE);

/** Cuts the socket; until `light` no other comes to be. */
app.cut = () => {
  dark = true;
  sockets.at(-1).close();
};

app.light = () => {
  dark = false;
};

app.open = () => sockets.filter((socket) => socket.readyState === WebSocket.OPEN).length;

const nameOf = (stream) => stream.getAttributes()?.name ?? String(stream.getID());

/** Enters a room; subscribes to all there are and will be, unless that is not wanted. */
app.join = (token, options = {}, { subscribe = {}, watch = true } = {}) =>
  new Promise((resolve, reject) => {
    const room = Erizo.Room({ token });
    app.room = room;
    app.wanted = subscribe;
    for (const type of ['room-reconnecting', 'room-reconnected', 'room-disconnected', 'room-error', 'quality-level', 'connection-failed']) {
      room.on(type, ({ message }) => app.events.push(`${type}${type === 'room-disconnected' ? ` ${message}` : ''}`));
    }
    for (const type of ['stream-added', 'stream-removed', 'stream-subscribed', 'stream-unsubscribed', 'stream-failed']) {
      room.on(type, ({ stream }) => app.events.push(`${type} ${nameOf(stream)}`));
    }
    const heed = (stream) => {
      if (Object.values(app.own).some((own) => own.getID() === stream.getID())) return;
      stream.on('stream-data', ({ msg }) => app.data.push([nameOf(stream), msg]));
      stream.on('stream-attributes-update', ({ attrs }) => app.events.push(`attributes ${JSON.stringify(attrs)}`));
      stream.on('bandwidth-alert', ({ msg }) => app.events.push(`alert ${msg}`));
      if (watch) app.subscribe(stream);
    };
    room.on('stream-added', ({ stream }) => heed(stream));
    room.on('stream-subscribed', ({ stream }) => app.show(stream));
    room.on('room-connected', ({ streams }) => {
      streams.forEach(heed);
      resolve({ id: room.roomID, p2p: Boolean(room.p2p), streams: streams.map(nameOf) });
    });
    room.on('room-error', ({ message }) => reject(new Error(`room-error ${message}`)));
    room.connect(options);
  });

app.subscribe = (stream, options = app.wanted) =>
  new Promise((resolve) => {
    app.room.subscribe(stream, { ...options }, (result, error) => {
      if (!result) app.errors.push(`subscribe: ${error}`);
      resolve(result ?? { error });
    });
  });

app.unsubscribe = (name) => new Promise((resolve) => app.room.unsubscribe(app.stream(name), (result, error) => resolve(result ?? { error })));

/** Plays a stream in an element of its own. */
app.show = (stream) => {
  if (!stream.stream) return;
  const video = document.createElement('video');
  video.autoplay = true;
  video.playsInline = true;
  video.srcObject = stream.stream;
  video.dataset.name = nameOf(stream);
  document.querySelector('main').append(video);
};

/** Publishes the fake devices, or data alone, or a picture of that size, under a name. */
app.publish = (name, { picture, ...spec } = {}, options = {}) =>
  new Promise((resolve, reject) => {
    const stream = Erizo.Stream({ audio: true, video: true, data: true, attributes: { name }, ...spec, ...(picture && { stream: moving(picture) }) });
    app.own[name] = stream;
    const publish = () => app.room.publish(stream, options, (id, error) => resolve(id ?? { error }));
    stream.on('access-denied', ({ msg }) => reject(new Error(`no devices: ${msg}`)));
    stream.on('access-accepted', publish);
    if (picture) publish();
    else stream.init();
  });

/** A picture that moves. The fake camera has but one size at a time for all pages. */
function moving({ width, height }) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pen = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    pen.fillStyle = '#234';
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = '#fc6';
    pen.fillRect((n++ * 8) % width, height / 3, width / 8, height / 3);
  }, 50);
  return canvas.captureStream();
}

app.unpublish = (name) =>
  new Promise((resolve) => {
    app.room.unpublish(app.own[name], (result, error) => resolve(result ?? { error }));
    delete app.own[name];
  });

/** The stream of somebody else that has that name. */
app.stream = (name) => {
  let found;
  app.room.remoteStreams.forEach((stream) => {
    if (nameOf(stream) === name && !stream.local) found = stream;
  });
  return found;
};

/** What is received of a track: the report of its receiver. Ids of tracks are not unique among connections. */
async function inbound(track) {
  for (const connection of connections) {
    const receiver = track && connection.getReceivers().find((one) => one.track === track);
    if (!receiver) continue;
    for (const report of (await receiver.getStats()).values()) if (report.type === 'inbound-rtp') return report;
  }
}

/** What is decoded of a stream's video: frames so far, and their size. */
app.video = async (name) => {
  const report = await inbound(app.stream(name)?.stream?.getVideoTracks()[0]);
  return report && { frames: report.framesDecoded, width: report.frameWidth, height: report.frameHeight, keys: report.keyFramesDecoded };
};

/** How much sound of a stream has been played so far. */
app.energy = async (name) => (await inbound(app.stream(name)?.stream?.getAudioTracks()[0]))?.totalAudioEnergy ?? 0;

/** The layers that are sent of our video: rid, and frames encoded. */
app.layers = async () => {
  const layers = {};
  for (const connection of connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type === 'outbound-rtp' && report.kind === 'video') layers[report.rid ?? '-'] = report.framesEncoded;
    }
  }
  return layers;
};

/** How many connections there are that are not closed, and how many of them are up. */
app.connections = () => {
  const living = connections.filter((connection) => connection.connectionState !== 'closed');
  return { all: living.length, up: living.filter((connection) => connection.connectionState === 'connected').length };
};

/** Restarts ICE on every connection, as the library does when one is disconnected. */
app.restartIce = () => {
  for (const connection of connections) if (connection.connectionState !== 'closed') connection.restartIce();
};

/** The addresses that media go to. */
app.peers = async () => {
  const found = new Set();
  for (const connection of connections) {
    const stats = await connection.getStats();
    for (const report of stats.values()) {
      if (report.type !== 'transport' || !report.selectedCandidatePairId) continue;
      const pair = stats.get(report.selectedCandidatePairId);
      found.add(stats.get(pair.remoteCandidateId)?.port);
    }
  }
  return [...found];
};

app.stats = (name) => new Promise((resolve) => app.room.getStreamStats(app.stream(name) ?? app.own[name], resolve));

/** Sends an event of the protocol, past the library, and gives what the acknowledgement says. */
app.say = (event, msg) =>
  new Promise((resolve) => {
    const { wire, socket } = app.room;
    if (wire) wire.ask(event, msg).then(resolve);
    else socket.reliableSocket.emit(event, msg, (...said) => resolve(said));
  });
