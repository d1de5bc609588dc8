import { connect, type EndReason, type Json, type Participant, type Quality, type Room, type RoomState } from 'tertulia'
import { type ChatLine, chatData, chatLine, MAX_CHAT } from './chat.ts'
import type { Own } from './own.svelte.ts'
import { nameOf, type Person, type Scene, sceneOf } from './view.ts'
import { roomProblem } from './words.ts'

/** A short notice that goes away by itself. */
export interface Notice {
  id: number
  text: string
  kind: 'info' | 'problem' | 'chat'
}

const NOTICE_TIME = 5000

/** The meeting as the page shows it: a room of the SDK, read anew after each of its events. */
export class Meeting {
  readonly room: Room
  readonly own: Own

  scene = $state.raw<Scene>({ people: [], shares: [], sounds: [] })
  state = $state<RoomState>('connected')
  quality = $state.raw<Quality | undefined>()
  chat = $state<ChatLine[]>([])
  unread = $state(0)
  notices = $state<Notice[]>([])
  /** What a screen reader is told. */
  said = $state('')
  /** Who was heard last, most recent first: they get the places when there are too few. */
  recent = $state.raw<string[]>([])
  /** The browser does not play sound before the person has touched the page. */
  soundBlocked = $state(false)
  readonly joinedAt = Date.now()

  /** The chat is on screen: what comes in is read at once. */
  chatOpen = false
  onEnded: (reason: EndReason, message: string) => void = () => {}

  #offs: (() => void)[] = []
  #pending = false
  #nextNotice = 1
  #timers = new Set<ReturnType<typeof setTimeout>>()

  constructor(room: Room, own: Own) {
    this.room = room
    this.own = own
    this.state = room.state
    this.quality = room.quality
    own.attach(room)
    own.onMuted = (kind, by) => this.notice(`${by || 'A moderator'} turned your ${kind === 'audio' ? 'microphone' : 'camera'} off`)
    this.#listen()
    this.#read()
  }

  /** Enters the room, with what is open of camera and microphone. */
  static async enter(token: string | (() => Promise<string>), own: Own, options: { guest: boolean }): Promise<Meeting> {
    const room = await connect(location.origin, token, {
      client: 'tertulia-meet',
      videoOnDemand: true,
      // A guest may always publish; of others the room tells it only after they came in.
      publish: options.guest ? [...own.streams] : [],
    })
    const meeting = new Meeting(room, own)
    void own.publishAll(room).catch((error: unknown) => meeting.problem(error))
    return meeting
  }

  /** Whether this person may. */
  get can() {
    const { room } = this
    void this.scene
    return {
      speak: room.can('publish-audio'),
      show: room.can('publish-video'),
      share: room.can('publish-screen') && typeof navigator.mediaDevices?.getDisplayMedia === 'function',
      write: room.can('publish-data'),
      moderate: room.can('moderate'),
    }
  }

  /** Reads own state again, which the room does not tell of. */
  refresh(): void {
    this.#later()
  }

  async send(text: string): Promise<void> {
    const trimmed = text.trim().slice(0, MAX_CHAT)
    if (!trimmed) return
    const id = `own-${Date.now()}-${this.chat.length}`
    this.chat.push({ id, from: this.room.me.id, name: nameOf(this.room.me), mine: true, text: trimmed, time: new Date(), sending: true })
    const line = this.chat[this.chat.length - 1]!
    try {
      await this.room.send(chatData(trimmed) as Json)
    } catch (error) {
      line.failed = roomProblem(error).text
    } finally {
      line.sending = false
    }
  }

  /** Sends a message again that failed. */
  async resend(line: ChatLine): Promise<void> {
    this.chat = this.chat.filter((other) => other.id !== line.id)
    await this.send(line.text)
  }

  readChat(): void {
    this.unread = 0
    this.notices = this.notices.filter((notice) => notice.kind !== 'chat')
  }

  async mute(person: Person): Promise<void> {
    if (!person.voice) return
    try {
      await this.room.mute(person.voice.stream, person.voice.track)
      this.notice(`${person.name} is muted now`)
    } catch (error) {
      this.problem(error)
    }
  }

  async kick(person: Person): Promise<void> {
    try {
      await this.room.kick(person.id)
    } catch (error) {
      this.problem(error)
    }
  }

  async toggleShare(): Promise<void> {
    if (this.own.screen) {
      this.own.stopSharing()
      this.say('You stopped sharing your screen')
    } else {
      try {
        const problem = await this.own.share()
        if (problem) this.notice(`${problem.title}. ${problem.text}`, 'problem')
        else if (this.own.screen) this.say('You are sharing your screen')
      } catch (error) {
        this.problem(error)
      }
    }
    this.#later()
  }

  /** Leaves; devices are let go. */
  async leave(): Promise<void> {
    this.close()
    await this.room.leave().catch(() => undefined)
  }

  /** Stops listening, without leaving: the session is over already. */
  close(): void {
    for (const off of this.#offs) off()
    this.#offs = []
    for (const timer of this.#timers) clearTimeout(timer)
    this.own.stop()
  }

  notice(text: string, kind: Notice['kind'] = 'info'): void {
    const id = this.#nextNotice++
    this.notices = [...this.notices.slice(-1), { id, text, kind }]
    if (kind !== 'chat') this.say(text)
    const timer = setTimeout(() => this.dismiss(id), kind === 'problem' ? 2 * NOTICE_TIME : NOTICE_TIME)
    this.#timers.add(timer)
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id)
  }

  say(text: string): void {
    // The same words twice are not announced; a space more makes them others.
    this.said = this.said === text ? `${text}\u00a0` : text
  }

  problem(error: unknown): void {
    const { title, text } = roomProblem(error)
    this.notice(`${title}. ${text}`, 'problem')
  }

  #listen(): void {
    const { room } = this
    const later = () => this.#later()
    const watched = new Set<number>()
    const watch = () => {
      for (const stream of room.streams.values()) {
        if (watched.has(stream.id)) continue
        watched.add(stream.id)
        this.#offs.push(stream.on('track', later), stream.on('updated', later), stream.on('ended', later))
      }
    }
    this.#offs.push(
      room.on('participant-joined', (participant) => {
        this.notice(`${nameOf(participant)} came in`)
        later()
      }),
      room.on('participant-left', (participant, reason) => {
        this.notice(`${nameOf(participant)} ${reason === 'kicked' ? 'was asked to leave' : reason === 'timeout' ? 'lost the connection' : 'left'}`)
        later()
      }),
      room.on('participant-updated', later),
      room.on('stream-published', (stream) => {
        watch()
        if (stream.tracks.some((track) => track.source === 'screen')) this.say(`${nameOf(stream.participant)} shares a screen`)
        later()
      }),
      room.on('stream-unpublished', (stream) => {
        watched.delete(stream.id)
        later()
      }),
      room.on('stream-updated', later),
      room.on('local-streams', later),
      room.on('room-updated', later),
      room.on('speakers', (speakers) => {
        this.#heard(speakers.map((speaker) => speaker.participant))
        later()
      }),
      room.on('state', (state) => {
        this.state = state
        if (state === 'reconnecting') this.say('The connection is interrupted. Reconnecting…')
        else if (state === 'connected') {
          this.say('Connected again')
          watch()
        }
        later()
      }),
      room.on('quality', (quality) => {
        this.quality = quality
      }),
      room.on('message', (message) => {
        const line = chatLine(message)
        if (!line) return
        this.chat.push(line)
        if (this.chatOpen) return
        this.unread++
        this.notice(`${line.name}: ${line.text.length > 90 ? `${line.text.slice(0, 88)}…` : line.text}`, 'chat')
        this.say(`Message from ${line.name}: ${line.text}`)
      }),
      room.on('ended', (reason, message) => {
        this.close()
        this.onEnded(reason, message)
      }),
    )
    watch()
  }

  #heard(now: Participant[]): void {
    if (now.length === 0) return
    const ids = now.map((participant) => participant.id)
    this.recent = [...ids, ...this.recent.filter((id) => !ids.includes(id))].slice(0, 50)
  }

  /** One reading for all events of a turn. */
  #later(): void {
    if (this.#pending) return
    this.#pending = true
    queueMicrotask(() => {
      this.#pending = false
      this.#read()
    })
  }

  #read(): void {
    this.scene = sceneOf(this.room, this.own)
  }
}
