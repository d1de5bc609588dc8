import { type Kind, LocalStream, type Room } from 'tertulia'
import { recall, remember } from './memory.ts'
import { deviceTroubles, insecureProblem, mediaProblem, type Problem } from './words.ts'

/** How an own medium is: there is none, it is being opened, it is muted, it goes out. */
export type MediumState = 'none' | 'starting' | 'muted' | 'on'

/** Below this height a picture is not worth more than it costs on a phone's uplink. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }

/**
 * The camera and microphone of this person, before and in the meeting. Usually
 * one stream has both; a medium that comes later has a stream of its own, so
 * that nobody's words are cut off when a camera is switched on.
 */
export class Own {
  /** Bumped when the streams or their tracks change: what is read from them is read anew. */
  #version = $state(0)
  #streams: LocalStream[] = []
  #starting = $state<Record<Kind, boolean>>({ audio: false, video: false })
  #room: Room | undefined

  problems = $state<Partial<Record<Kind, Problem>>>({})
  screen = $state.raw<LocalStream | undefined>()
  /** A moderator, by name, has just muted us. */
  onMuted: (kind: Kind, by: string) => void = () => {}

  get microphone(): MediumState {
    return this.#state('audio')
  }

  get camera(): MediumState {
    return this.#state('video')
  }

  get streams(): readonly LocalStream[] {
    void this.#version
    return this.#streams
  }

  /** What a video element shows; undefined without a camera, or while it is off. */
  get picture(): MediaStream | undefined {
    return this.camera === 'on' ? this.#of('video')?.mediaStream : undefined
  }

  /** The microphone's track while it is open. */
  get microphoneTrack(): MediaStreamTrack | undefined {
    void this.#version
    return this.#of('audio')?.tracks.find((track) => track.kind === 'audio')?.mediaTrack
  }

  device(kind: Kind): string {
    void this.#version
    return this.#of(kind)?.deviceId(kind) ?? recall(kind === 'audio' ? 'microphone' : 'camera')
  }

  /** Opens what is wanted, as much of it as there is. Never throws: what is missing is in problems. */
  async start(want: { audio: boolean; video: boolean }): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      if (want.audio) this.problems.audio = this.#why(undefined, 'audio')
      if (want.video) this.problems.video = this.#why(undefined, 'video')
      return
    }
    if (want.audio && want.video) {
      // One question of the browser for both.
      if (await this.#open({ audio: true, video: true })) return
    }
    // Ask again one by one: a computer without a camera may have a microphone.
    if (want.audio) await this.#open({ audio: true, video: false })
    if (want.video) await this.#open({ audio: false, video: true })
  }

  async toggle(kind: Kind): Promise<void> {
    if (this.#starting[kind]) return
    const stream = this.#of(kind)
    if (!stream) {
      await this.#open({ audio: kind === 'audio', video: kind === 'video' })
      return
    }
    const muted = stream.muted(kind)
    const opens = muted && stream.tracks.some((track) => track.kind === kind && !track.mediaTrack)
    // The camera's light goes out with the picture.
    const done = (muted ? stream.unmute(kind) : stream.mute(kind, { release: kind === 'video' })).then(
      () => this.#clear(kind),
      (error: unknown) => {
        this.problems[kind] = this.#why(error, kind)
      },
    )
    this.#version++
    // Only a device that opens is waited for. The rest is so at once, and may be taken back
    // at once: during a cut the server hears of it much later.
    if (!opens) return
    this.#starting[kind] = true
    await done
    this.#starting[kind] = false
    this.#version++
  }

  async setDevice(kind: Kind, deviceId: string): Promise<void> {
    remember(kind === 'audio' ? 'microphone' : 'camera', deviceId)
    const stream = this.#of(kind)
    try {
      if (stream) await stream.setDevice(kind, deviceId)
      else await this.#open({ audio: kind === 'audio', video: kind === 'video' })
      this.#clear(kind)
    } catch (error) {
      this.problems[kind] = this.#why(error, kind)
    } finally {
      this.#version++
    }
  }

  /** What is wrong with the devices, for people. */
  get troubles(): Problem[] {
    return deviceTroubles(this.problems)
  }

  /** Forgets what went wrong, once the person has read it. */
  dismiss(): void {
    this.problems = {}
  }

  /** From now on what is opened is published there. */
  attach(room: Room): void {
    this.#room = room
  }

  /** Publishes what is open and may be published. */
  async publishAll(room: Room): Promise<void> {
    await Promise.all(this.#streams.filter((stream) => !stream.published && this.#allowed(room, stream)).map((stream) => room.publish(stream)))
  }

  async share(): Promise<Problem | undefined> {
    if (!this.#room || this.screen) return undefined
    let stream: LocalStream
    try {
      stream = await LocalStream.screen({ audio: true })
    } catch (error) {
      const problem = mediaProblem(error, 'screen')
      return problem.code === 'permission' ? undefined : problem
    }
    stream.on('ended', () => {
      if (this.screen === stream) this.screen = undefined
    })
    this.screen = stream
    try {
      await this.#room.publish(stream)
      return undefined
    } catch (error) {
      this.stopSharing()
      throw error
    }
  }

  stopSharing(): void {
    const stream = this.screen
    this.screen = undefined
    stream?.stop()
  }

  /** Lets all devices go. */
  stop(): void {
    this.stopSharing()
    for (const stream of this.#streams) stream.stop()
    this.#streams = []
    this.#room = undefined
    this.#version++
  }

  #state(kind: Kind): MediumState {
    void this.#version
    const stream = this.#of(kind)
    if (!stream) return this.#starting[kind] ? 'starting' : 'none'
    return stream.muted(kind) ? 'muted' : 'on'
  }

  #of(kind: Kind): LocalStream | undefined {
    return this.#streams.find((stream) => !stream.ended && stream.tracks.some((track) => track.kind === kind))
  }

  #allowed(room: Room, stream: LocalStream): boolean {
    return stream.tracks.every((track) => room.can(track.kind === 'audio' ? 'publish-audio' : 'publish-video'))
  }

  async #open(want: { audio: boolean; video: boolean }): Promise<boolean> {
    if (want.audio) this.#starting.audio = true
    if (want.video) this.#starting.video = true
    try {
      const stream = await this.#capture(want)
      stream.on('mute', (track, by) => {
        this.#starting[track.kind] = false
        this.#version++
        if (by) this.onMuted(track.kind, by.user)
      })
      stream.on('track', () => this.#version++)
      stream.on('device-lost', (track) => {
        this.#version++
        this.problems[track.kind] = {
          code: 'lost',
          title: track.kind === 'audio' ? 'The microphone is gone' : 'The camera is gone',
          text: 'It was unplugged or taken away. Choose another in the settings.',
        }
      })
      stream.on('ended', () => this.#version++)
      this.#streams.push(stream)
      if (want.audio) this.#clear('audio')
      if (want.video) this.#clear('video')
      if (this.#room && this.#allowed(this.#room, stream)) await this.#room.publish(stream)
      return true
    } catch (error) {
      if (want.audio && !want.video) this.problems.audio = this.#why(error, 'audio')
      if (want.video && !want.audio) this.problems.video = this.#why(error, 'video')
      return false
    } finally {
      if (want.audio) this.#starting.audio = false
      if (want.video) this.#starting.video = false
      this.#version++
    }
  }

  /** Opens the devices of last time; if one of them is no more, whatever there is. */
  async #capture(want: { audio: boolean; video: boolean }): Promise<LocalStream> {
    const audio = want.audio && MICROPHONE
    const video = want.video && CAMERA
    const audioDeviceId = (want.audio && recall('microphone')) || undefined
    const videoDeviceId = (want.video && recall('camera')) || undefined
    try {
      return await LocalStream.camera({ audio, video, audioDeviceId, videoDeviceId })
    } catch (error) {
      if (!audioDeviceId && !videoDeviceId) throw error
      return LocalStream.camera({ audio, video })
    }
  }

  #why(error: unknown, kind: Kind): Problem {
    const insecure = insecureProblem({ secure: window.isSecureContext, hostname: location.hostname })
    return insecure ?? mediaProblem(error, kind === 'audio' ? 'microphone' : 'camera')
  }

  #clear(kind: Kind): void {
    delete this.problems[kind]
  }
}
