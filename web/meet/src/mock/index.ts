/**
 * A room of painted people, with the surface of the SDK, for work on the page
 * without a server: `?mock=9` has nine people. It is never part of a release.
 */
import type { Device, Devices, Json, Kind, Participant, Permission, Quality, RemoteTrack, RoomState, Source } from '../../../../sdk/js/src/index.ts'

const query = new URLSearchParams(location.search)
const NAMES = 'Ana Ferrer|Björn Lind|Chiara Rossi|Dorothea von Hohenstein-Lichtenfels|Emeka Obi|Fatima Zahra|Goran Ilić|Hana Sato|Iván Petrov|José Álvarez|Khadija|Lars Holm|Mei Chen|Noor Haddad|Olu|Priya N.|Quentin|Rosa'.split('|')
const ALL: Permission[] = ['publish-audio', 'publish-video', 'publish-screen', 'publish-data', 'subscribe', 'record', 'stats', 'moderate']

export class TertuliaError extends Error {
  override readonly name = 'TertuliaError'
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

class Emitter {
  #listeners = new Map<string, Set<(...args: never[]) => void>>()
  on(event: string, listener: (...args: never[]) => void) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set())
    this.#listeners.get(event)!.add(listener)
    return () => this.#listeners.get(event)!.delete(listener)
  }
  emit(event: string, ...args: unknown[]) {
    for (const listener of this.#listeners.get(event) ?? []) (listener as (...args: unknown[]) => void)(...args)
  }
}

/** A person at a wall, painted fifteen times a second. */
function painted(seed: number, width = 640, height = 360): MediaStream {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const c = canvas.getContext('2d')!
  const hue = (seed * 47 + 18) % 360
  const skin = ['#f1c9a5', '#8d5a3b', '#e0ac84', '#c98d62', '#5f3b28', '#f5d6b8'][seed % 6]!
  const hair = ['#2b1b12', '#6b3e1f', '#111', '#b07b3e', '#3a2a25', '#7d7d7d'][(seed * 5) % 6]!
  let t = seed * 10
  const draw = () => {
    t += 0.06
    const wall = c.createLinearGradient(0, 0, width, height)
    wall.addColorStop(0, `hsl(${hue} 28% 72%)`)
    wall.addColorStop(1, `hsl(${hue + 30} 30% 42%)`)
    c.fillStyle = wall
    c.fillRect(0, 0, width, height)
    c.fillStyle = `hsl(${hue + 160} 25% 36% / 0.55)`
    c.fillRect(width * 0.08, height * 0.12, width * 0.18, height * 0.34)
    c.fillStyle = `hsl(${hue + 60} 45% 62% / 0.6)`
    c.fillRect(width * 0.78, 0, width * 0.16, height * 0.52)
    const x = width / 2 + Math.sin(t) * 9
    const y = height * 0.46 + Math.cos(t * 0.7) * 5
    c.fillStyle = `hsl(${(hue + 200) % 360} 42% 34%)`
    c.beginPath()
    c.ellipse(x, height * 1.08, width * 0.24, height * 0.4, 0, 0, 7)
    c.fill()
    c.fillStyle = skin
    c.fillRect(x - 24, y + 50, 48, 60)
    c.fillStyle = hair
    c.beginPath()
    c.ellipse(x, y - 14, 78, 92, 0, 0, 7)
    c.fill()
    c.fillStyle = skin
    c.beginPath()
    c.ellipse(x, y + 6, 64, 80, 0, 0, 7)
    c.fill()
    c.fillStyle = '#2b1b12'
    c.beginPath()
    c.arc(x - 24, y - 6, 5.5, 0, 7)
    c.arc(x + 24, y - 6, 5.5, 0, 7)
    c.fill()
    c.strokeStyle = '#8b3b32'
    c.lineWidth = 5
    c.lineCap = 'round'
    c.beginPath()
    c.arc(x, y + 30, 20, 0.25, Math.PI - 0.25)
    c.stroke()
  }
  draw()
  setInterval(draw, 66)
  return canvas.captureStream(15)
}

function paintedScreen(): MediaStream {
  const canvas = document.createElement('canvas')
  canvas.width = 1280
  canvas.height = 800
  const c = canvas.getContext('2d')!
  const draw = () => {
    c.fillStyle = '#f7f7f5'
    c.fillRect(0, 0, 1280, 800)
    c.fillStyle = '#2f3b52'
    c.fillRect(0, 0, 1280, 46)
    c.font = '600 40px Figtree, sans-serif'
    c.fillStyle = '#1f2937'
    c.fillText('The plan for spring', 80, 140)
    c.font = '24px Figtree, sans-serif'
    const rows = ['Open the garden for readings', 'Repair the long table', 'A new lamp, and chairs for twelve', 'Invite the neighbours']
    rows.forEach((row, i) => {
      c.fillStyle = '#c8623f'
      c.fillRect(84, 204 + i * 62, 12, 12)
      c.fillStyle = '#374151'
      c.fillText(row, 120, 218 + i * 62)
    })
    const bars = [90, 140, 120, 210, 260, 240, 330]
    bars.forEach((bar, i) => {
      c.fillStyle = i === 6 ? '#c8623f' : '#d9c6ae'
      c.fillRect(700 + i * 72, 700 - bar, 48, bar)
    })
    c.fillStyle = '#9ca3af'
    c.fillText(new Date().toLocaleTimeString(), 80, 740)
  }
  draw()
  setInterval(draw, 500)
  return canvas.captureStream(5)
}

function hum(): MediaStreamTrack {
  const context = new AudioContext()
  const oscillator = context.createOscillator()
  const gain = context.createGain()
  gain.gain.value = 0.12
  oscillator.frequency.value = 180
  const out = context.createMediaStreamDestination()
  oscillator.connect(gain).connect(out)
  oscillator.start()
  return out.stream.getAudioTracks()[0]!
}

let nextId = 1

export class LocalStream extends Emitter {
  id: number | undefined
  published = false
  ended = false
  hasData = false
  attributes = {}
  mediaStream = new MediaStream()
  #muted: Record<string, boolean> = { audio: false, video: false }
  #ids: Record<string, string> = { audio: 'mic-1', video: 'cam-1' }
  #kinds: Kind[] = []
  screenSource = false

  static async camera(options: { audio?: unknown; video?: unknown } = {}) {
    await new Promise((done) => setTimeout(done, 250))
    const problem = query.get('device')
    if (problem === 'denied') throw new TertuliaError('permission-denied', '')
    if (problem === 'missing' || (problem === 'no-camera' && options.video)) throw new TertuliaError('device-missing', '')
    const stream = new LocalStream()
    if (options.audio) {
      stream.#kinds.push('audio')
      stream.mediaStream.addTrack(hum())
    }
    if (options.video) {
      stream.#kinds.push('video')
      stream.mediaStream.addTrack(painted(3, 960, 540).getVideoTracks()[0]!)
    }
    return stream
  }
  static async screen() {
    const stream = new LocalStream()
    stream.screenSource = true
    stream.#kinds.push('video')
    stream.mediaStream = paintedScreen()
    return stream
  }
  get tracks() {
    return this.#kinds.map((kind) => ({
      id: kind,
      kind,
      source: (this.screenSource ? 'screen' : kind === 'audio' ? 'microphone' : 'camera') as Source,
      muted: this.#muted[kind]!,
      mediaTrack: this.mediaStream.getTracks().find((track) => track.kind === kind),
    }))
  }
  muted(kind: string) {
    return this.#muted[kind]!
  }
  async mute(kind: string) {
    this.#muted[kind] = true
    this.emit('mute', this.tracks.find((track) => track.kind === kind))
  }
  async unmute(kind: string) {
    this.#muted[kind] = false
    this.emit('mute', this.tracks.find((track) => track.kind === kind))
  }
  async setDevice(kind: string, id: string) {
    this.#ids[kind] = id
  }
  deviceId(kind: string) {
    return this.#ids[kind]
  }
  stop() {
    this.ended = true
    for (const track of this.mediaStream.getTracks()) track.stop()
    this.emit('ended')
  }
}

export class RemoteStream extends Emitter {
  id = nextId++
  participant: Participant
  tracks: RemoteTrack[]
  mediaStream: MediaStream
  attributes = {}
  hasData = false
  subscribed = true
  ended = false
  channels = []
  constructor(participant: Participant, tracks: Partial<RemoteTrack>[], media: MediaStream) {
    super()
    this.participant = participant
    this.mediaStream = media
    this.tracks = tracks.map((track, i) => ({
      id: `t${i}`,
      kind: 'audio',
      source: 'microphone',
      muted: false,
      codec: undefined,
      reason: undefined,
      cause: undefined,
      state: 'active',
      mediaTrack: media.getTracks().find((one) => one.kind === (track.kind ?? 'audio')) ?? hum(),
      ...track,
    }))
  }
  muted(kind: string) {
    return this.tracks.filter((track) => track.kind === kind).every((track) => track.muted)
  }
  attach(element: HTMLVideoElement) {
    element.srcObject = this.mediaStream
    return { element, setPriority() {}, detach: () => (element.srcObject = null) }
  }
}

function participant(id: string, user: string): Participant {
  return { id, user, role: 'presenter', permissions: ALL, metadata: {} }
}

export class Room extends Emitter {
  id = 'f'.repeat(24)
  name: string
  metadata = {}
  codecs = ['VP8']
  state: RoomState = 'connected'
  me: Participant
  participants = new Map<string, Participant>()
  streams = new Map<number, RemoteStream>()
  localStreams: LocalStream[] = []
  permissions = query.get('role') === 'viewer' ? (['subscribe'] as Permission[]) : ALL
  quality: Quality = { level: 4, rtt: 0.023, lossIn: 0, lossOut: 0 }
  speakers: { stream: RemoteStream; participant: Participant; track: string; level: number }[] = []

  constructor(name: string, me: string) {
    super()
    this.name = name
    this.me = participant('me', me)
  }
  can(permission: Permission) {
    return this.permissions.includes(permission)
  }
  streamsOf(whose: Participant | string) {
    const id = typeof whose === 'string' ? whose : whose.id
    return [...this.streams.values()].filter((stream) => stream.participant.id === id)
  }
  async publish(stream: LocalStream) {
    stream.published = true
    this.localStreams.push(stream)
    this.emit('local-streams')
  }
  async unpublish() {}
  async send(_data: Json) {
    await new Promise((done) => setTimeout(done, 100))
    if (query.get('send') === 'fail') throw new TertuliaError('unavailable', 'The connection is interrupted.')
    return crypto.randomUUID()
  }
  async mute(stream: RemoteStream, track: string) {
    stream.tracks = stream.tracks.map((one) => (one.id === track ? { ...one, muted: true } : one))
    this.emit('stream-updated', stream)
  }
  async kick(who: string) {
    this.drop(who, 'kicked')
  }
  async leave() {
    this.state = 'closed'
  }
  async getStats() {
    return {}
  }

  add(i: number, how: 'video' | 'off' | 'waiting' | 'paused' | 'unsupported', muted: boolean) {
    const person = participant(`p${i}`, NAMES[i % NAMES.length]!)
    this.participants.set(person.id, person)
    const media = how === 'video' || how === 'paused' ? painted(i) : new MediaStream()
    const stream = new RemoteStream(
      person,
      [
        { kind: 'audio', muted },
        {
          kind: 'video',
          source: 'camera',
          muted: how === 'off',
          state: how === 'unsupported' ? 'codec-unsupported' : how === 'waiting' || how === 'paused' ? how : 'active',
          cause: how === 'paused' ? 'bandwidth' : undefined,
          reason: how === 'unsupported' ? 'This browser cannot decode H264, which the publisher sends.' : undefined,
          mediaTrack: media.getVideoTracks()[0],
        },
      ],
      media,
    )
    this.streams.set(stream.id, stream)
    return person
  }
  drop(id: string, reason: string) {
    const person = this.participants.get(id)
    this.participants.delete(id)
    for (const stream of this.streamsOf(id)) this.streams.delete(stream.id)
    this.emit('participant-left', person, reason)
  }
}

export async function connect(_url: string, _token: unknown, options: { publish?: LocalStream[] } = {}) {
  await new Promise((done) => setTimeout(done, 300))
  const refused = query.get('refuse')
  if (refused) throw new TertuliaError(refused, refused === 'limit' ? 'The room holds 50 people and 50 are in it.' : '')
  const count = Number(query.get('mock') ?? 3)
  const room = new Room(decodeURIComponent(location.pathname.split('/')[2] ?? 'room'), query.get('name') || 'Me')
  const states = query.has('states')
  for (let i = 0; i < count - 1; i++) {
    const how = states && i === 1 ? 'off' : states && i === 3 ? 'unsupported' : states && i === 4 ? 'waiting' : states && i === 5 ? 'paused' : i > 4 && i % 4 === 1 ? 'off' : 'video'
    room.add(i, how, i % 3 === 1)
  }
  for (const stream of options.publish ?? []) await room.publish(stream)
  const others = [...room.participants.values()]
  if (query.has('share') && others[0]) {
    const screen = new RemoteStream(others[0], [{ kind: 'video', source: 'screen' }], paintedScreen())
    room.streams.set(screen.id, screen)
  }
  const speak = () => {
    const person = others[0]
    const stream = person && room.streamsOf(person)[0]
    room.speakers = stream ? [{ stream, participant: person, track: 't0', level: -30 }] : []
    room.emit('speakers', room.speakers)
  }
  setTimeout(speak, 200)
  setTimeout(() => {
    const lines = ['Good evening, everybody!', 'The notes are at https://example.org/notes/spring?page=2.', '<b>No markup</b> & no scripts: <script>alert(1)</' + 'script>', 'See you at the long table 🙂']
    if (query.has('chat')) lines.forEach((text, i) => {
      const from = others[i % Math.max(1, Math.min(2, others.length))] ?? room.me
      room.emit('message', { id: String(i), participant: from, from: from.id, time: new Date(), private: false, data: { type: 'chat', text } })
    })
    const state = query.get('state')
    if (state) {
      room.state = state as RoomState
      room.emit('state', state)
    }
    const level = query.get('level')
    if (level) room.emit('quality', { level: Number(level), rtt: 0.31, lossIn: 0.06, lossOut: 0.02 })
    if (query.has('join-later')) {
      const person = room.add(count, 'video', false)
      room.emit('participant-joined', person)
    }
    if (query.get('end')) room.emit('ended', query.get('end'), '')
  }, 600)
  return room
}

const DEVICES: Devices = {
  microphones: [device('audioinput', 'mic-1', 'Built-in Microphone'), device('audioinput', 'mic-2', 'USB Headset')],
  cameras: [device('videoinput', 'cam-1', 'FaceCam HD (046d:0825)'), device('videoinput', 'cam-2', 'Back camera')],
  speakers: [device('audiooutput', 'spk-1', 'Built-in Speakers'), device('audiooutput', 'spk-2', 'USB Headset')],
  named: true,
}

function device(kind: Device['kind'], id: string, label: string): Device {
  return { id, kind, label }
}

export async function devices() {
  return DEVICES
}

export function onDeviceChange() {
  return () => {}
}

export function checkSupport() {
  if (query.get('browser') === 'old') throw new TertuliaError('unsupported', '')
}
