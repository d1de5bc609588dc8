import type { RemoteTrack, Room } from 'tertulia'
import { describe, expect, test } from 'vitest'
import { priorityOf } from '../src/lib/order.ts'
import type { Own } from '../src/lib/own.svelte.ts'
import { sceneOf } from '../src/lib/view.ts'

const media = { of: 'Ben' } as unknown as MediaStream
const own = { microphone: 'on', camera: 'on', picture: undefined, screen: undefined } as unknown as Own

/** The scene of a room with Ben, whose video is as said. */
function scene(video: Partial<RemoteTrack> | undefined, source: RemoteTrack['source'] = 'camera') {
  const ben = { id: 'ben', user: 'Ben', role: '', permissions: [], metadata: {} }
  const track = (id: string, kind: 'audio' | 'video', more: Partial<RemoteTrack>): RemoteTrack => ({
    id, kind, source: kind === 'audio' ? 'microphone' : source, muted: false, codec: undefined, state: 'active', reason: undefined, cause: undefined,
    mediaTrack: {} as MediaStreamTrack, ...more,
  })
  const tracks = [track('a', 'audio', {}), ...(video ? [track('v', 'video', video)] : [])]
  const stream = { id: 1, mediaStream: media, tracks }
  const room = { me: { ...ben, id: 'me' }, speakers: [], participants: new Map([['ben', ben]]), streamsOf: () => [stream] }
  const { people, shares } = sceneOf(room as unknown as Room, own)
  return { person: people[1]!, share: shares[0], stream }
}

describe('a picture', () => {
  const waiting = { state: 'waiting', mediaTrack: undefined } as const
  test.each<[string, Partial<RemoteTrack>, string]>([
    ['that is there', {}, 'on'],
    ['that is coming', waiting, 'waiting'],
    ['that is paused by the network', { state: 'paused', cause: 'bandwidth' }, 'paused'],
    // Nobody saw it until now: it is as it was, or it is coming.
    ['that is paused because it was not seen', { state: 'paused', cause: 'subscriber' }, 'on'],
    ['that was never seen', { state: 'paused', cause: 'subscriber', mediaTrack: undefined }, 'waiting'],
    ['that has no place', { state: 'paused', cause: 'slots', mediaTrack: undefined }, 'waiting'],
  ])('%s has an element, to be received for', (_, video, camera) => {
    const { person, stream } = scene(video)
    expect(person.camera).toBe(camera)
    expect(person.picture).toBe(media)
    expect(person.stream).toBe(stream)
  })

  test.each<[Partial<RemoteTrack> | undefined, string]>([
    [{ muted: true }, 'muted'],
    [{ muted: true, state: 'paused', cause: 'bandwidth' }, 'muted'],
    [{ state: 'codec-unsupported', mediaTrack: undefined }, 'unsupported'],
    [undefined, 'none'],
  ])('%o has none', (video, camera) => {
    const { person } = scene(video)
    expect([person.camera, person.picture, person.stream]).toEqual([camera, undefined, undefined])
  })

  test('of a screen says that it is paused', () => {
    expect(scene({ state: 'paused', cause: 'bandwidth' }, 'screen').share).toMatchObject({ state: 'paused', picture: media })
    expect(scene(waiting, 'screen').share).toMatchObject({ state: 'waiting', picture: media })
    expect(scene({}, 'screen').share).toMatchObject({ state: 'on', picture: media })
    expect(scene({ state: 'codec-unsupported', mediaTrack: undefined }, 'screen').share).toMatchObject({ state: 'unsupported', picture: undefined })
  })

  test('counts most on the stage, then with who speaks', () => {
    expect([priorityOf(true, false), priorityOf(false, true), priorityOf(false, false)]).toEqual([60, 30, 10])
  })
})
