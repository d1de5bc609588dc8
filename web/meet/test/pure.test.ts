import { describe, expect, test } from 'vitest'
import { chatText, MAX_CHAT } from '../src/lib/chat.ts'
import { loudness } from '../src/lib/media.ts'
import { cleanName, colourOf, friendlyRoom, initials, roomOfInput, roomOfPath, roomSlug } from '../src/lib/names.ts'
import { placesFor } from '../src/lib/order.ts'
import { qualityWords } from '../src/lib/quality.ts'
import { shortcutOf } from '../src/lib/shortcuts.ts'
import { refusal } from '../src/lib/token.ts'
import { linkPieces, listNames } from '../src/lib/text.ts'
import { deviceTroubles, endedWords, insecureProblem, mediaProblem, roomProblem } from '../src/lib/words.ts'

describe('names', () => {
  test('a generated room is a name that stays as it is', () => {
    for (let i = 0; i < 200; i++) {
      const room = friendlyRoom()
      expect(room).toMatch(/^[a-z]+-[a-z]+-[a-z]+-\d{3}$/)
      expect(roomSlug(room)).toBe(room)
    }
  })

  test.each([
    ['Friday Café', 'friday-cafe'],
    ['  --- ', ''],
    ['Ångström / Team #4', 'angstrom-team-4'],
    ['東京 会議', ''],
    ['Smørbrød & Łódź', 'smorbrod-lodz'],
    ['x'.repeat(100), 'x'.repeat(64)],
    ['https://meet.example.org/m/olive-oven?name=Ana', 'olive-oven'],
    ['meet.example.org/m/olive%20oven', 'olive oven'],
    ['https://example.org/elsewhere', 'https-example-org-elsewhere'],
  ])('the room in %j', (typed, room) => expect(roomOfInput(typed)).toBe(room))

  test.each([
    ['/m/supper', 'supper'],
    ['/m/supper/', 'supper'],
    ['/m/%E6%9D%B1', '東'],
    ['/m/%', ''],
    ['/m/', ''],
    ['/m/a/b', ''],
    ['/', ''],
  ])('the room of path %j', (path, room) => expect(roomOfPath(path)).toBe(room))

  test.each([
    ['Ana Ferrer', 'AF'],
    ['ana', 'A'],
    ['Dorothea von Hohenstein', 'DH'],
    ['', '?'],
    ['🙂', '?'],
    ['élodie.martin', 'ÉM'],
  ])('initials of %j', (name, letters) => expect(initials(name)).toBe(letters))

  test('a name loses control characters and length', () => {
    expect(cleanName('  Ana\u0000\n  Ferrer\u202e ')).toBe('Ana Ferrer')
    expect(cleanName('x'.repeat(200))).toHaveLength(60)
  })

  test('a colour is always the same', () => {
    expect(colourOf('Ana')).toBe(colourOf('Ana'))
    expect(new Set('abcdefghijklmnopqrstuvwxyz'.split('').map(colourOf)).size).toBeGreaterThan(4)
  })
})

describe('links in messages', () => {
  const links = (text: string) => linkPieces(text).flatMap((piece) => (piece.href ? [piece.href] : []))

  test.each([
    ['see https://example.org/a?b=1.', ['https://example.org/a?b=1']],
    ['(https://example.org/wiki/Tertulia_(reunión))', ['https://example.org/wiki/Tertulia_(reuni%C3%B3n)']],
    ['javascript:alert(1) data:text/html,x', []],
    ['xhttps://example.org', []],
    ['http://', []],
    ['https://a.example https://b.example!', ['https://a.example/', 'https://b.example/']],
  ])('%j', (text, expected) => expect(links(text)).toEqual(expected))

  test('nothing of the text is lost', () => {
    for (const text of ['a https://example.org/x, b', 'https://example.org', '', '<b>https://example.org</b>', 'http://, x']) {
      expect(
        linkPieces(text)
          .map((piece) => piece.text)
          .join(''),
      ).toBe(text)
    }
  })
})

describe('chat', () => {
  test.each([
    ['hello', 'hello'],
    [{ type: 'chat', text: 'hello' }, 'hello'],
    [{ type: 'chat', text: 7 }, undefined],
    [{ type: 'cursor', text: 'x' }, undefined],
    [['hello'], undefined],
    [null, undefined],
    ['  ', undefined],
  ])('%j', (data, text) => expect(chatText(data)).toBe(text))

  test('a very long message is cut', () => expect(chatText('x'.repeat(60_000))).toHaveLength(MAX_CHAT))
})

describe('shortcuts', () => {
  test('they do not fire while typing, with a modifier or by holding a key', () => {
    expect(shortcutOf({ key: 'm', typing: false })).toBe('mic')
    expect(shortcutOf({ key: 'M', typing: false })).toBe('mic')
    expect(shortcutOf({ key: '?', typing: false })).toBe('help')
    expect(shortcutOf({ key: 'm', typing: true })).toBeUndefined()
    expect(shortcutOf({ key: 'c', typing: false, ctrlKey: true })).toBeUndefined()
    expect(shortcutOf({ key: 'v', typing: false, metaKey: true })).toBeUndefined()
    expect(shortcutOf({ key: 's', typing: false, repeat: true })).toBeUndefined()
    expect(shortcutOf({ key: 'x', typing: false })).toBeUndefined()
  })
})

describe('places', () => {
  const people = ['me', 'a', 'b', 'c', 'd'].map((id) => ({ id, me: id === 'me' }))
  const ids = (list: { id: string }[]) => list.map((person) => person.id).join('')

  test('with room for all nobody moves', () => expect(ids(placesFor(people, 5, ['d']).shown)).toBe('meabcd'))
  test('who was heard last gets a place, in the old order', () => {
    const { shown, hidden } = placesFor(people, 3, ['d', 'b'])
    expect(ids(shown)).toBe('mebd')
    expect(ids(hidden)).toBe('ac')
  })
})

describe('words', () => {
  test('each reason for a missing device has words of its own', () => {
    const codes = ['permission-denied', 'device-missing', 'device-busy'].map((code) => mediaProblem({ code, message: '' }, 'camera').code)
    expect(codes).toEqual(['permission', 'missing', 'busy'])
    expect(mediaProblem(new DOMException('x', 'NotFoundError'), 'microphone').title).toBe('No microphone found')
  })
  test('plain HTTP is explained', () => {
    expect(insecureProblem({ secure: true, hostname: 'x' })).toBeUndefined()
    expect(insecureProblem({ secure: false, hostname: '192.168.1.4' })?.text).toContain('--tls self')
  })
  test('the same trouble with camera and microphone is told once', () => {
    const of = (audio: string, video: string) =>
      deviceTroubles({ audio: mediaProblem({ code: audio, message: '' }, 'microphone'), video: mediaProblem({ code: video, message: '' }, 'camera') })
    expect(of('permission-denied', 'permission-denied').map((one) => one.title)).toEqual(['Camera and microphone may not be used'])
    expect(of('device-missing', 'device-missing').map((one) => one.title)).toEqual(['No camera and no microphone found'])
    expect(of('device-missing', 'device-busy')).toHaveLength(2)
    const insecure = insecureProblem({ secure: false, hostname: 'x' })
    expect(deviceTroubles({ audio: insecure, video: insecure })).toEqual([insecure])
    expect(deviceTroubles({})).toEqual([])
  })
  test('errors of the room', () => {
    expect(roomProblem({ code: 'limit', message: 'a message has 64 KiB at most' })).toMatchObject({ title: 'A limit is reached', text: 'A message has 64 KiB at most.' })
    expect(roomProblem({ code: 'limit', message: 'The room holds 2 people.' })).toMatchObject({ title: 'The room is full', text: 'The room holds 2 people. Try again when somebody has left.' })
    expect(roomProblem({ code: 'unreachable', message: 'fetch failed' }).title).toBe('The server cannot be reached')
    expect(roomProblem(new TypeError('Failed to fetch')).code).toBe('offline')
    expect(roomProblem('?').code).toBe('unknown')
  })
  test('what the server refuses', () => {
    const full = refusal(409, { type: 'urn:tertulia:limit', title: 'Conflict', status: 409, detail: 'the room is full: 50 people are in it' })
    expect(roomProblem(full)).toMatchObject({ code: 'limit', text: 'The room is full: 50 people are in it. Try again when somebody has left.' })
    expect(roomProblem(refusal(403, { type: 'urn:tertulia:forbidden', detail: 'no guests' })).code).toBe('meet-off')
    expect(roomProblem(refusal(429, undefined)).code).toBe('too-fast')
    expect(roomProblem(refusal(502, '<html>')).code).toBe('unavailable')
  })
  test('ends of a meeting', () => {
    expect(endedWords('kicked', 'Please be kind.').text).toBe('Please be kind.')
    expect(endedWords('something new').title).toBe('The meeting ended')
  })
  test('lists of names', () => {
    expect(listNames([])).toBe('')
    expect(listNames(['Ana', 'Ben'])).toBe('Ana and Ben')
    expect(listNames(['Ana', 'Ben', 'Cy', 'Dan'])).toBe('Ana, Ben and 2 others')
  })
  test('the network', () => {
    expect(qualityWords({ level: 4, rtt: 0.02, lossIn: 0, lossOut: 0 }, false)).toEqual({ level: 4, words: 'Excellent connection', detail: '20 ms to the server' })
    expect(qualityWords({ level: 4, rtt: 0.02, lossIn: 0, lossOut: 0 }, false, 'p2p').detail).toBe('20 ms to the others')
    expect(qualityWords({ level: 1, rtt: undefined, lossIn: 0.2, lossOut: 0 }, false).detail).toBe('20 % of packets lost')
    expect(qualityWords({ level: 4, rtt: 0, lossIn: 0, lossOut: 0 }, true).words).toBe('Reconnecting…')
  })
})

test('loudness runs from silence to a raised voice', () => {
  expect(loudness(0)).toBe(0)
  expect(loudness(0.001)).toBe(0)
  expect(loudness(0.5)).toBe(1)
  expect(loudness(0.03)).toBeGreaterThan(0.4)
})
