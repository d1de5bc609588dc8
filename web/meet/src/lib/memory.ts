/** What the browser remembers for the next visit. Storage may be forbidden: then nothing is remembered. */

export type Memory = 'name' | 'theme' | 'camera' | 'microphone' | 'speaker'

export function recall(what: Memory): string {
  try {
    return localStorage.getItem(`tertulia.${what}`) ?? ''
  } catch {
    return ''
  }
}

export function remember(what: Memory, value: string): void {
  try {
    if (value) localStorage.setItem(`tertulia.${what}`, value)
    else localStorage.removeItem(`tertulia.${what}`)
  } catch {
    // Forbidden or full: the next visit starts afresh.
  }
}
