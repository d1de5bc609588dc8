import { TertuliaError, type ErrorCode } from 'tertulia'

/** Asks the server for a guest's right to enter a room. */
export async function guestToken(room: string, name: string): Promise<string> {
  let response: Response
  try {
    response = await fetch(`/v1/meet/${encodeURIComponent(room)}/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    })
  } catch (error) {
    throw new TertuliaError('unreachable', '', { cause: error })
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok && hasText(body, 'token')) return body.token
  throw refusal(response.status, body)
}

/** What an HTTP refusal means; the server's own sentence is kept. */
export function refusal(status: number, body: unknown): TertuliaError {
  const said = hasText(body, 'detail') ? body.detail : hasText(body, 'message') ? body.message : ''
  const code = hasText(body, 'code') ? (body.code as ErrorCode) : codeOfStatus(status)
  return new TertuliaError(code, said)
}

function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 422:
      return 'bad-request'
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    // A server without guests has no such address.
    case 404:
    case 405:
      return 'meet-off' as ErrorCode
    case 409:
      return 'limit'
    case 429:
      return 'too-fast'
    case 502:
    case 503:
    case 504:
      return 'unavailable'
    default:
      return 'internal'
  }
}

function hasText<Key extends string>(body: unknown, key: Key): body is Record<Key, string> {
  return typeof body === 'object' && body !== null && key in body && typeof (body as Record<Key, unknown>)[key] === 'string'
}
