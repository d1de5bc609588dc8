/** Text that people wrote, cut into what is shown as it is and what becomes a link. */

export interface Piece {
  text: string
  /** Where the piece leads, if it is a link: http or https, nothing else. */
  href?: string
}

const LINK = /\bhttps?:\/\/[^\s<>"'`]+/gi

/** Cuts a message into plain pieces and links. Punctuation after a link does not belong to it. */
export function linkPieces(message: string): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const match of message.matchAll(LINK)) {
    const address = trimLink(match[0])
    const href = safeHref(address)
    if (!href) continue
    if (match.index > end) pieces.push({ text: message.slice(end, match.index) })
    pieces.push({ text: address, href })
    end = match.index + address.length
  }
  if (end < message.length) pieces.push({ text: message.slice(end) })
  return pieces
}

function trimLink(address: string): string {
  let trimmed = address.replace(/[.,;:!?…]+$/u, '')
  while (trimmed.endsWith(')') && count(trimmed, ')') > count(trimmed, '(')) trimmed = trimmed.slice(0, -1)
  return trimmed
}

function count(text: string, character: string): number {
  return text.split(character).length - 1
}

function safeHref(address: string): string | undefined {
  try {
    const url = new URL(address)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined
  } catch {
    return undefined
  }
}

/** "Ana", "Ana and Ben", "Ana, Ben and 3 others". */
export function listNames(names: string[], shown = 2): string {
  if (names.length <= 1) return names[0] ?? ''
  if (names.length <= shown + 1) return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`
  return `${names.slice(0, shown).join(', ')} and ${names.length - shown} others`
}
