/** Names of rooms and people. */

const ADJECTIVES =
  'amber autumn bright calm candid cheerful copper cosy curious early easy evening fair fond gentle golden honest humble kind lively lucky mellow merry mild morning olive open patient quiet ready rosy rustic salty shady simple slow smiling spring steady summer sunny sweet tidy velvet warm whole willing winter wise'.split(
    ' ',
  )
const THINGS =
  'almond apron basil bench bread cafe canary candle cherry cinnamon clove cup fig fire garden ginger guitar hazel honey jasmine kettle lantern lemon linen market mint nutmeg orange oven page parlour peach pepper piano pine plaza plum porch quince river saffron story swallow table terrace thyme tile vine walnut'.split(
    ' ',
  )

/** A friendly name of a room that nobody will guess by chance, like "olive-kettle-terrace-417". */
export function friendlyRoom(random: (below: number) => number = secureRandom): string {
  const first = THINGS[random(THINGS.length)]!
  let second = THINGS[random(THINGS.length)]!
  if (second === first) second = THINGS[(THINGS.indexOf(first) + 1) % THINGS.length]!
  return `${ADJECTIVES[random(ADJECTIVES.length)]}-${first}-${second}-${100 + random(900)}`
}

function secureRandom(below: number): number {
  const number = new Uint32Array(1)
  crypto.getRandomValues(number)
  return number[0]! % below
}

/** The longest name of a room. */
export const MAX_ROOM_NAME = 64

/** Letters that do not fall apart into a plain one and an accent. */
const PLAIN: Record<string, string> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ð: 'd', ł: 'l', ı: 'i', þ: 'th' }

/**
 * What a person typed as the name of a room, as the server takes it: "Friday
 * Café" is "friday-cafe". Empty if nothing of it can stand in an address.
 */
export function roomSlug(typed: string): string {
  return typed
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[ßæœøđðłıþ]/g, (letter) => PLAIN[letter] ?? '')
    .replace(/[^a-z0-9_]+/g, '-')
    .slice(0, MAX_ROOM_NAME)
    .replace(/^-+|-+$/g, '')
}

/** The room that an address or a pasted link of a meeting names, or '' when it names none. */
export function roomOfPath(path: string): string {
  const match = /^\/m\/([^/?#]+)\/?$/.exec(path)
  if (!match) return ''
  try {
    return decodeURIComponent(match[1]!)
  } catch {
    return ''
  }
}

/** The room in what a person typed: a name, or the whole link of a meeting. */
export function roomOfInput(typed: string): string {
  const link = /^(?:https?:\/\/)?[^/\s]+(\/m\/[^/?#\s]+)/i.exec(typed.trim())
  if (link) {
    const room = roomOfPath(link[1]!)
    if (room) return room
  }
  return roomSlug(typed)
}

/** The longest name of a person. */
export const MAX_NAME = 60

/** A person's name without the spaces around and control characters. */
export function cleanName(typed: string): string {
  return typed
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_NAME)
}

/** One or two letters that stand for a person without a picture. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))
  if (words.length === 0) return '?'
  const letter = (word: string) => /[\p{L}\p{N}]/u.exec(word)![0].toLocaleUpperCase()
  return letter(words[0]!) + (words.length > 1 ? letter(words[words.length - 1]!) : '')
}

/** The number of colours that `colourOf` chooses from. */
export const COLOURS = 8

/** A colour's number, always the same for the same text. */
export function colourOf(text: string): number {
  let hash = 2166136261
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 16777619)
  return (hash >>> 0) % COLOURS
}
