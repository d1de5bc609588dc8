/** What went wrong, in words for people. */

/** What the page knows of its surroundings when it looks for words. */
export interface Surroundings {
  secure: boolean
  hostname: string
}

export interface Problem {
  /** One word, for tests and styles. */
  code: string
  title: string
  /** What happened and what to do about it. */
  text: string
}

type Medium = 'camera' | 'microphone' | 'screen'

/** Why there is no camera, microphone or screen. */
export function mediaProblem(error: unknown, medium: Medium | 'camera and microphone'): Problem {
  const name = codeOf(error) || nameOf(error)
  const your = `your ${medium}`
  switch (name) {
    case 'permission-denied':
    case 'NotAllowedError':
    case 'SecurityError':
    case 'cancelled':
      return {
        code: 'permission',
        title: medium === 'screen' ? 'The screen is not shared' : `The ${medium} may not be used`,
        text:
          medium === 'screen'
            ? 'Nothing was chosen, or the browser does not allow it. Try again and pick a window or a screen.'
            : `The browser does not let this page use ${your}. Allow it in the site settings, beside the address, then try again.`,
      }
    case 'device-missing':
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { code: 'missing', title: `No ${medium} found`, text: `Plug one in or choose another, then try again. You can come in without it.` }
    case 'device-busy':
    case 'NotReadableError':
    case 'AbortError':
      return { code: 'busy', title: `The ${medium} does not start`, text: 'Another program may be using it. Close that program, then try again.' }
    default:
      return { code: 'media', title: `The ${medium} does not work`, text: messageOf(error) || 'The browser gave no reason. Try again, or choose another device.' }
  }
}

/** What is wrong with camera and microphone; the same trouble with both is told once. */
export function deviceTroubles(problems: { audio?: Problem; video?: Problem }): Problem[] {
  const { audio, video } = problems
  if (!audio || !video || audio.code !== video.code) return [video, audio].filter((one) => one !== undefined)
  if (audio.code === 'permission') {
    return [
      {
        code: 'permission',
        title: 'Camera and microphone may not be used',
        text: 'The browser does not let this page use them. Allow it in the site settings, beside the address, then try again. You can also come in without.',
      },
    ]
  }
  if (audio.code === 'missing') {
    return [{ code: 'missing', title: 'No camera and no microphone found', text: 'Plug one in and try again, or come in to listen and to chat.' }]
  }
  return audio.code === 'insecure' ? [audio] : [video, audio]
}

/** Why the page cannot even ask for devices: the origin is not a secure one. */
export function insecureProblem(around: Surroundings): Problem | undefined {
  if (around.secure) return undefined
  return {
    code: 'insecure',
    title: 'No camera or microphone over plain HTTP',
    text: `Browsers give camera and microphone only to secure pages, and this one was opened over plain http:// at ${around.hostname}. Open it over https://, or start the server with --tls self and use the address that it prints. You can still come in, to listen and to chat.`,
  }
}

/** Why the browser cannot take part in calls at all. */
export function browserProblem(hasPeerConnection: boolean): Problem | undefined {
  if (hasPeerConnection) return undefined
  return {
    code: 'browser',
    title: 'This browser cannot make calls',
    text: 'WebRTC is missing or switched off in it. Use a current Chrome, Edge, Firefox or Safari, outside private or lockdown modes that block it.',
  }
}

/** Why one could not come in, or could not do what was asked. */
export function roomProblem(error: unknown): Problem {
  const code = codeOf(error)
  const said = sentence(messageOf(error))
  switch (code) {
    case 'limit':
      // Streams, channels and messages have limits too.
      return said && !/^The room (is full|holds)/u.test(said)
        ? { code, title: 'A limit is reached', text: said }
        : { code, title: 'The room is full', text: `${said || 'As many people as it holds are in it.'} Try again when somebody has left.` }
    case 'unauthorized':
      return { code, title: 'The door did not open', text: said || 'The invitation is used up or too old. Ask for a new link.' }
    case 'forbidden':
      return { code, title: 'Not allowed', text: said || 'Your role in this room does not permit that.' }
    case 'not-found':
      return { code, title: 'There is no such room', text: said || 'The link may be mistyped, or the room was closed.' }
    case 'too-fast':
      return { code, title: 'A little slower, please', text: 'The server had too many requests from here. Wait a minute, then try again.' }
    case 'bad-request':
      return { code, title: 'The server did not understand', text: said || 'The address of the room may be mistyped.' }
    case 'unsupported':
      return { code, title: 'Not possible here', text: said || 'The server does not know how to do that.' }
    case 'meet-off':
      return { code, title: 'Guests are not let in', text: 'This server does not open rooms for guests. Ask whoever runs it for an invitation.' }
    case 'unavailable':
      return { code, title: 'The server is busy', text: said || 'It cannot take calls just now. Try again in a moment.' }
    case 'timeout':
      return { code, title: 'No answer', text: 'The server did not answer in time. Check the connection, then try again.' }
    case 'offline':
    case 'unreachable':
      return { code, title: 'The server cannot be reached', text: 'It may be down, or this device is offline. Check the connection, then try again.' }
    default:
      return { code: code || 'unknown', title: 'That did not work', text: said || 'No reason was given. Try again.' }
  }
}

/** What the page after a meeting says. */
export function endedWords(reason: string, message = ''): { title: string; text: string } {
  switch (reason) {
    case 'left':
      return { title: 'You left the table', text: 'The others can go on without you. The door is still open.' }
    case 'kicked':
      return { title: 'You were asked to leave', text: message || 'A moderator removed you from the room.' }
    case 'room-deleted':
      return { title: 'The room was closed', text: message || 'The meeting is over for everybody.' }
    case 'replaced':
      return { title: 'You are in from another window', text: 'This meeting goes on there. Only one of the two can be connected.' }
    case 'timeout':
      return { title: 'The connection was lost', text: message || 'It could not be made again in time.' }
    case 'refused':
      return { title: 'The way back is closed', text: message || 'After a cut the room did not let you in again.' }
    default:
      return { title: 'The meeting ended', text: message || 'The connection to the room is over.' }
  }
}

function nameOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'name' in error && typeof error.name === 'string' ? error.name : ''
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code
  // fetch tells a server that it cannot reach by a TypeError.
  return error instanceof TypeError ? 'offline' : ''
}

/** What the server says, as a sentence that stands alone. */
function sentence(said: string): string {
  if (!said) return ''
  return said[0]!.toLocaleUpperCase() + said.slice(1) + (/[.!?…]$/u.test(said) ? '' : '.')
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string' ? error.message : ''
}
