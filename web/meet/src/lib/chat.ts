import type { Json, Message } from 'tertulia'

/** One line of the chat. */
export interface ChatLine {
  id: string
  from: string
  name: string
  mine: boolean
  text: string
  time: Date
  /** Why it could not be sent. */
  failed?: string
  sending?: boolean
}

/** The most that one message of the chat may have, in characters. */
export const MAX_CHAT = 4000

/** How the page writes chat into a room's messages. */
export function chatData(text: string): Json {
  return { type: 'chat', text }
}

/** The text of a message that is chat, ours or plain text of another client; undefined for other data. */
export function chatText(data: Json): string | undefined {
  const text = typeof data === 'string' ? data : isObject(data) && data.type === 'chat' ? data.text : undefined
  return typeof text === 'string' && text.trim() !== '' ? text.slice(0, MAX_CHAT) : undefined
}

/** A line of the chat, or undefined if the message is not chat. */
export function chatLine(message: Message): ChatLine | undefined {
  const text = chatText(message.data)
  if (text === undefined) return undefined
  return { id: message.from + message.id, from: message.from, name: message.participant?.user || 'Somebody', mine: false, text, time: message.time }
}

function isObject(data: Json): data is { [key: string]: Json } {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}
