/** Codes that the server gives. */
export type ServerErrorCode =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'limit'
  | 'too-fast'
  | 'unsupported'
  | 'unavailable'
  | 'stale-epoch'
  | 'internal'
  | 'resume-failed';

/** Codes of what goes wrong on this side. */
export type LocalErrorCode =
  /** This browser lacks something that a call needs. */
  | 'unsupported'
  /** Cameras and microphones need a secure origin: https, or localhost. */
  | 'insecure'
  /** The user, or a policy, does not allow the device. */
  | 'permission-denied'
  /** There is no such camera or microphone. */
  | 'device-missing'
  /** Another program uses the device, or the system cannot start it. */
  | 'device-busy'
  /** The user closed the choice of a screen. */
  | 'cancelled'
  /** The server cannot be reached. */
  | 'unreachable'
  /** The room is over, or was left. */
  | 'closed'
  /** Something took too long. */
  | 'timeout';

/** What went wrong, in one word for programs. */
export type ErrorCode = ServerErrorCode | LocalErrorCode;

/** An error of Tertulia: a code for programs and a sentence for people. */
export class TertuliaError extends Error {
  override readonly name = 'TertuliaError';
  /** What kind of thing went wrong. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
