import type { LocalStream, Participant, RemoteStream, RemoteTrack, Room } from 'tertulia'
import type { Own } from './own.svelte.ts'

/** A person as a tile shows them. */
export interface Person {
  id: string
  name: string
  me: boolean
  moderator: boolean
  microphone: 'on' | 'muted' | 'none' | 'unsupported'
  /** Paused: the network is too slow for the picture. */
  camera: 'on' | 'muted' | 'none' | 'waiting' | 'paused' | 'unsupported'
  /** Why the camera or the microphone does not reach us. */
  reason: string
  picture: MediaStream | undefined
  /** The stream of the picture, if it is somebody else's. */
  stream: RemoteStream | undefined
  speaking: boolean
  /** The microphone, for a moderator to mute. */
  voice: { stream: RemoteStream; track: string } | undefined
}

/** A shared screen, or another picture without a person. */
export interface Share {
  id: string
  owner: string
  name: string
  me: boolean
  state: 'on' | 'waiting' | 'paused' | 'unsupported'
  reason: string
  picture: MediaStream | undefined
  /** The stream of the picture, if it is somebody else's. */
  stream: RemoteStream | undefined
}

/** A sound that has to be played. */
export interface Sound {
  id: number
  media: MediaStream
}

/** Everything that the meeting shows of its people. */
export interface Scene {
  people: Person[]
  shares: Share[]
  sounds: Sound[]
}

/** Reads the scene of a room. */
export function sceneOf(room: Room, own: Own): Scene {
  const speaking = new Set(room.speakers.map((speaker) => speaker.participant.id))
  const people = [ownPerson(room.me, own, speaking.has(room.me.id))]
  const shares: Share[] = []
  const sounds: Sound[] = []
  if (own.screen) {
    shares.push({ id: 'own-screen', owner: room.me.id, name: room.me.user, me: true, state: 'on', reason: '', picture: own.screen.mediaStream, stream: undefined })
  }
  for (const participant of room.participants.values()) {
    const streams = room.streamsOf(participant)
    people.push(personOf(participant, streams, speaking.has(participant.id)))
    for (const stream of streams) {
      const screen = stream.tracks.find((track) => track.kind === 'video' && isScreen(track))
      if (screen) {
        const state = stateOf(screen)
        shares.push({
          id: String(stream.id),
          owner: participant.id,
          name: nameOf(participant),
          me: false,
          state: state === 'unsupported' || state === 'paused' ? state : screen.mediaTrack ? 'on' : 'waiting',
          reason: screen.reason ?? '',
          picture: state === 'unsupported' ? undefined : stream.mediaStream,
          stream,
        })
      }
      if (stream.tracks.some((track) => track.kind === 'audio' && track.mediaTrack)) sounds.push({ id: stream.id, media: stream.mediaStream })
    }
  }
  return { people, shares, sounds }
}

/** What a participant is called. */
export function nameOf(participant: Participant): string {
  const { name } = participant.metadata
  return participant.user || (typeof name === 'string' ? name : '') || 'Guest'
}

function ownPerson(me: Participant, own: Own, speaking: boolean): Person {
  const as = { none: 'none', starting: 'none', muted: 'muted', on: 'on' } as const
  return {
    id: me.id,
    name: nameOf(me),
    me: true,
    moderator: me.permissions.includes('moderate'),
    microphone: as[own.microphone],
    camera: as[own.camera],
    reason: '',
    picture: own.picture,
    stream: undefined,
    speaking: speaking && own.microphone === 'on',
    voice: undefined,
  }
}

function personOf(participant: Participant, streams: RemoteStream[], speaking: boolean): Person {
  const audio = find(streams, (track) => track.kind === 'audio' && !isScreen(track))
  const video = find(streams, (track) => track.kind === 'video' && !isScreen(track))
  const camera = video ? stateOf(video.track) : 'none'
  const microphone = audio ? stateOf(audio.track) : 'none'
  const unsupported = camera === 'unsupported' ? video : microphone === 'unsupported' ? audio : undefined
  return {
    id: participant.id,
    name: nameOf(participant),
    me: false,
    moderator: participant.permissions.includes('moderate'),
    microphone: microphone === 'waiting' || microphone === 'paused' ? 'on' : microphone,
    camera,
    reason: unsupported ? unsupported.track.reason || `This browser cannot decode ${unsupported.track.codec ?? 'the format'}.` : '',
    // The element is there before the picture: the server sends it to whom it is shown.
    picture: isComing(camera) ? video?.stream.mediaStream : undefined,
    stream: isComing(camera) ? video?.stream : undefined,
    speaking: speaking && microphone !== 'muted',
    voice: audio && { stream: audio.stream, track: audio.track.id },
  }
}

function find(streams: RemoteStream[], is: (track: RemoteTrack) => boolean): { stream: RemoteStream; track: RemoteTrack } | undefined {
  let found: { stream: RemoteStream; track: RemoteTrack } | undefined
  for (const stream of streams) {
    const track = stream.tracks.find(is)
    if (track && (!found || (found.track.muted && !track.muted))) found = { stream, track }
  }
  return found
}

function stateOf(track: RemoteTrack): 'on' | 'muted' | 'waiting' | 'paused' | 'unsupported' {
  if (track.state === 'codec-unsupported') return 'unsupported'
  if (track.muted) return 'muted'
  if (track.state === 'paused' && track.cause === 'bandwidth') return 'paused'
  // What is paused because nobody sees it goes on as soon as somebody does: no reason to say so.
  const on = track.state === 'active' || (track.state === 'paused' && track.cause === 'subscriber')
  return on && track.mediaTrack ? 'on' : 'waiting'
}

function isComing(camera: Person['camera']): boolean {
  return camera === 'on' || camera === 'waiting' || camera === 'paused'
}

function isScreen(track: { source: RemoteTrack['source'] }): boolean {
  return track.source === 'screen' || track.source === 'screen-audio'
}

/** Whether a stream is one of a shared screen. */
export function isScreenStream(stream: RemoteStream | LocalStream): boolean {
  return stream.tracks.some(isScreen)
}
