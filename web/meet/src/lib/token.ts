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
export function refusal(status: number, problem: unknown): TertuliaError {
  const said = hasText(problem, 'detail') ? problem.detail : ''
  // Nobody is refused at this door for who they are: it is closed to all guests.
  if (status === 403 || status === 404 || status === 405) return new TertuliaError(MEET_OFF, said)
  const type = hasText(problem, 'type') ? /^urn:tertulia:([a-z-]+)$/.exec(problem.type) : null
  return new TertuliaError((type?.[1] as ErrorCode | undefined) ?? codeOfStatus(status), said)
}

/** The page's own code: this server lets no guests in. */
const MEET_OFF = 'meet-off' as ErrorCode

function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 422:
      return 'bad-request'
    case 401:
      return 'unauthorized'
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
