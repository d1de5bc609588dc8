import type { Quality, RoomMode } from 'tertulia'

const WORDS = ['No connection', 'Bad connection', 'Poor connection', 'Good connection', 'Excellent connection'] as const

/** A network indicator in words. */
export function qualityWords(quality: Quality | undefined, reconnecting: boolean, mode: RoomMode = 'sfu'): { level: number; words: string; detail: string } {
  if (reconnecting) return { level: 0, words: 'Reconnecting…', detail: '' }
  if (!quality) return { level: 4, words: 'Connected', detail: '' }
  const parts: string[] = []
  if (quality.rtt !== undefined) parts.push(`${Math.round(quality.rtt * 1000)} ms to the ${mode === 'p2p' ? 'others' : 'server'}`)
  const loss = Math.max(quality.lossIn, quality.lossOut)
  if (loss >= 0.005) parts.push(`${(loss * 100).toFixed(loss < 0.1 ? 1 : 0)} % of packets lost`)
  return { level: quality.level, words: WORDS[quality.level], detail: parts.join(', ') }
}
