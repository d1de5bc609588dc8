/** Keys of the meeting. */

export type Shortcut = 'mic' | 'camera' | 'screen' | 'chat' | 'people' | 'help'

export const SHORTCUTS: { key: string; does: Shortcut; words: string }[] = [
  { key: 'm', does: 'mic', words: 'Turn your microphone on or off' },
  { key: 'v', does: 'camera', words: 'Turn your camera on or off' },
  { key: 's', does: 'screen', words: 'Share your screen, or stop' },
  { key: 'c', does: 'chat', words: 'Open or close the chat' },
  { key: 'p', does: 'people', words: 'Open or close the list of people' },
  { key: '?', does: 'help', words: 'Show these shortcuts' },
]

export interface Press {
  key: string
  ctrlKey?: boolean
  metaKey?: boolean
  altKey?: boolean
  repeat?: boolean
  defaultPrevented?: boolean
  /** Whether the press goes into a field where people type or choose. */
  typing: boolean
}

/** What a key press asks for, if anything: never while typing, never with a modifier. */
export function shortcutOf(press: Press): Shortcut | undefined {
  if (press.typing || press.ctrlKey || press.metaKey || press.altKey || press.repeat || press.defaultPrevented) return undefined
  const key = press.key.toLowerCase()
  return SHORTCUTS.find((shortcut) => shortcut.key === key)?.does
}

/** Whether an element takes the keys for itself. */
export function takesTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}
