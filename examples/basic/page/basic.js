// A small videoconference on Licode's API. The query says how it begins, with the
// words of Licode's own basic example: room, type=p2p, singlePC, simulcast,
// onlySubscribe, onlyPublish, onlyAudio, mediaConfiguration, and noStart=1 to
// come in without the form (then also name).

const query = new URLSearchParams(location.search);
const flag = (name, otherwise = false) => (query.has(name) ? Boolean(parseInt(query.get(name), 10)) : otherwise);
const settings = {
  name: query.get('name') ?? '',
  room: query.get('room') ?? 'basicExampleRoom',
  type: query.get('type') ?? 'erizo',
  mediaConfiguration: query.get('mediaConfiguration') ?? 'default',
  singlePC: flag('singlePC', true),
  simulcast: flag('simulcast'),
  onlyAudio: flag('onlyAudio'),
  onlySubscribe: flag('onlySubscribe'),
  onlyPublish: flag('onlyPublish'),
};

const at = (selector, within = document) => within.querySelector(selector);
const button = (id) => at(`[data-testid="${id}"]`);
const say = (text) => {
  at('#status').textContent = text;
};

/** How long the library may try to come back: when the server has forgotten us, it tells no end. */
const comeBackWithin = 20_000;

/** What there is while we are in a room. */
let room;
let camera;
let screen;

// -- Coming in

const join = at('#join');
if (!globalThis.Erizo) {
  at('#missing').hidden = false;
} else {
  Erizo.Logger?.setLogLevel(Erizo.Logger.WARNING);
  for (const name of ['name', 'room']) join.elements[name].value = settings[name];
  for (const name of ['singlePC', 'simulcast', 'onlySubscribe']) join.elements[name].checked = settings[name];
  join.elements.p2p.checked = settings.type === 'p2p';
  join.hidden = false;
  join.addEventListener('submit', (event) => {
    event.preventDefault();
    for (const name of ['name', 'room']) settings[name] = join.elements[name].value.trim();
    for (const name of ['singlePC', 'simulcast', 'onlySubscribe']) settings[name] = join.elements[name].checked;
    settings.type = join.elements.p2p.checked ? 'p2p' : 'erizo';
    comeIn();
  });
  if (flag('noStart')) comeIn();
}

/** Gets the camera if it is to be sent, then a token, then enters. */
async function comeIn() {
  settings.name ||= 'Somebody';
  join.hidden = true;
  try {
    if (!settings.onlySubscribe) {
      say('Opening camera and microphone…');
      camera = await open({ audio: true, video: !settings.onlyAudio });
    }
    say('Asking for a token…');
    enter(await token());
  } catch (error) {
    over(error.message);
  }
}

/** A local stream whose devices are open. Its attributes tell the others whose it is. */
function open(spec) {
  return new Promise((resolve, reject) => {
    const stream = Erizo.Stream({ data: true, attributes: { name: settings.name, screen: Boolean(spec.screen) }, ...spec });
    stream.on('access-accepted', () => resolve(stream));
    stream.on('access-denied', ({ msg }) => reject(new Error(`The browser gives no ${spec.screen ? 'screen' : 'camera or microphone'} (${msg?.message ?? msg}).`)));
    stream.init();
  });
}

async function token() {
  const response = await fetch('createToken/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      username: settings.name,
      role: settings.onlySubscribe ? 'viewer' : 'presenter',
      room: settings.room,
      type: settings.type,
      mediaConfiguration: settings.mediaConfiguration,
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`No token: ${text}`);
  return text;
}

function enter(token) {
  say('Connecting…');
  const here = Erizo.Room({ token });
  room = here;
  const end = (text) => room === here && over(text);
  let limit;
  room.on('room-connected', ({ streams }) => {
    at('#where').textContent = settings.room;
    at('#meeting').hidden = false;
    for (const own of document.querySelectorAll('#controls [data-own]')) own.disabled = !camera;
    button('camera').disabled ||= settings.onlyAudio;
    // Licode does not mute in p2p rooms.
    if (room.p2p) for (const id of ['microphone', 'camera']) button(id).disabled = true;
    button('screen').disabled = settings.onlySubscribe || !navigator.mediaDevices?.getDisplayMedia;
    at('#write').hidden = !camera;
    say('Connected');
    streams.forEach(receive);
    if (camera) {
      show(camera, 'camera');
      publish(camera);
    }
  });
  room.on('stream-added', ({ stream }) => receive(stream));
  room.on('stream-subscribed', ({ stream }) => show(stream));
  room.on('stream-unsubscribed', ({ stream }) => tileOf(stream)?.remove());
  room.on('stream-removed', ({ stream }) => tileOf(stream)?.remove());
  room.on('stream-failed', ({ stream, msg }) => {
    say(`A stream has failed: ${msg}`);
    tileOf(stream)?.remove();
  });
  room.on('quality-level', ({ message }) => say(message === 'good' ? 'Connected' : 'The connection is slow'));
  room.on('room-reconnecting', () => {
    say('Reconnecting…');
    clearTimeout(limit);
    limit = setTimeout(() => {
      end('The connection is gone.');
      here.disconnect();
    }, comeBackWithin);
  });
  room.on('room-reconnected', () => {
    clearTimeout(limit);
    say('Connected');
  });
  // Of somebody who is in, it means that one attempt to come back has failed.
  room.on('room-error', ({ message }) => at('#meeting').hidden && end(`Not admitted: ${message ?? 'no reason given'}`));
  room.on('room-disconnected', ({ message }) => {
    clearTimeout(limit);
    end(message === 'expected-disconnection' ? 'You have left.' : 'The connection is gone.');
  });
  room.connect({ singlePC: settings.singlePC });
}

/** Back to the form. */
function over(text) {
  // Streams close with the room; those that never got into one, here.
  for (const stream of [camera, screen]) stream?.stream?.getTracks().forEach((track) => track.stop());
  room = camera = screen = undefined;
  at('#stage').replaceChildren();
  at('#messages').replaceChildren();
  at('#meeting').hidden = true;
  at('#where').textContent = '';
  for (const [id, on] of [['microphone', true], ['camera', true], ['hand', false], ['screen', false]]) button(id).ariaPressed = on;
  join.hidden = false;
  say(text);
}

// -- Streams

function publish(stream) {
  const options = { metadata: { name: settings.name } };
  if (settings.simulcast && stream === camera) options.simulcast = { numSpatialLayers: 3 };
  room.publish(stream, options, (id, error) => {
    if (id === undefined) say(`Not published: ${error}`);
  });
}

const ours = (stream) => [camera, screen].some((own) => own && own.getID() === stream.getID());

/** Asks for a stream of somebody else, and listens to what they say and change. */
function receive(stream) {
  if (stream.local || ours(stream) || settings.onlyPublish) return;
  stream.on('stream-data', ({ msg }) => write(nameOf(stream), msg?.text));
  stream.on('stream-attributes-update', () => caption(stream));
  subscribe(stream);
}

function subscribe(stream) {
  room.subscribe(stream, { video: !settings.onlyAudio }, (result, error) => {
    if (!result) say(`Not subscribed to ${nameOf(stream)}: ${error}`);
  });
}

const nameOf = (stream) => String(stream.getAttributes()?.name ?? 'Somebody');
const tileOf = (stream) => [...document.querySelectorAll('.tile')].find((tile) => tile.stream === stream);

/** Puts a stream on the stage. */
function show(stream, own) {
  // A stream of data alone has nothing to show.
  if (!stream.stream) return;
  const tile = tileOf(stream) ?? at('#tile').content.cloneNode(true).firstElementChild;
  tile.stream = stream;
  const video = at('video', tile);
  video.srcObject = stream.stream;
  if (own) {
    tile.dataset.own = own;
    video.muted = true;
  } else if (!tile.isConnected && !room.p2p) {
    const slides = action(tile, 'Slides', () => {
      const on = slides.ariaPressed !== 'true';
      slides.ariaPressed = on;
      stream.updateConfiguration({ slideShowMode: on });
    });
    slides.ariaPressed = false;
  }
  if (!own && !tile.isConnected) {
    action(tile, 'Stop', () => {
      room.unsubscribe(stream);
      again(stream);
    });
  }
  at('#stage').append(tile);
  caption(stream);
}

function action(tile, text, act) {
  const made = document.createElement('button');
  made.textContent = text;
  made.addEventListener('click', act);
  at('.actions', tile).append(made);
  return made;
}

/** A way back to a stream that is no longer watched. */
function again(stream) {
  const made = document.createElement('button');
  made.textContent = `Watch ${nameOf(stream)}`;
  made.addEventListener('click', () => {
    made.remove();
    subscribe(stream);
  });
  at('#controls').prepend(made);
  room.on('stream-removed', (event) => event.stream === stream && made.remove());
  room.on('room-disconnected', () => made.remove());
}

function caption(stream) {
  const tile = tileOf(stream);
  if (!tile) return;
  const { screen, hand } = stream.getAttributes() ?? {};
  const text = `${nameOf(stream)}${screen ? ' (screen)' : ''}${hand ? ', hand raised' : ''}`;
  at('figcaption', tile).textContent = text;
  at('video', tile).ariaLabel = `Video of ${text}`;
  tile.dataset.name = nameOf(stream);
  tile.dataset.stream = stream.getID();
  for (const made of tile.querySelectorAll('button')) made.ariaLabel = `${made.textContent}: ${text}`;
}

// -- Controls

/** A button that is on or off. */
function toggle(id, change) {
  button(id).addEventListener('click', ({ currentTarget }) => {
    const on = currentTarget.ariaPressed !== 'true';
    currentTarget.ariaPressed = on;
    change(on);
  });
}

toggle('microphone', (on) => camera.muteAudio(!on));
toggle('camera', (on) => camera.muteVideo(!on));
toggle('hand', (on) => {
  camera.setAttributes({ ...camera.getAttributes(), hand: on });
  caption(camera);
});

button('screen').addEventListener('click', async () => {
  try {
    if (screen) {
      tileOf(screen)?.remove();
      room.unpublish(screen);
      screen = undefined;
    } else {
      screen = await open({ audio: false, video: true, screen: true });
      screen.on('stream-ended', () => screen && button('screen').click());
      show(screen, 'screen');
      publish(screen);
    }
  } catch (error) {
    say(error.message);
  }
  button('screen').ariaPressed = Boolean(screen);
});

button('leave').addEventListener('click', () => room.disconnect());

// -- Chat, which goes as data of the camera's stream

at('#write').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = at('#text').value.trim();
  if (!text) return;
  camera.sendData({ text });
  write(settings.name, text);
  at('#text').value = '';
});

function write(name, text) {
  if (typeof text !== 'string') return;
  const line = document.createElement('li');
  const who = document.createElement('b');
  who.textContent = `${name}:`;
  line.append(who, ' ', text);
  at('#messages').append(line);
  line.scrollIntoView({ block: 'nearest' });
}
