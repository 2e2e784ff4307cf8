import type { PixlError, PortName } from './errors.js'
import { absurd } from './errors.js'
import type { ArchiveName, DestinationName } from './identifiers.js'
import type { FailedReason, LeftOut, SkippedReason } from './reasons.js'
import type { BreakerCause } from './breaker.js'

/** What was asked when an error came: each has a breaker of its own. `spool` is the worker's own disk. */
export type Target = ArchiveName | DestinationName | 'spool' | 'project configurations' | `secrets of project ${string}`

/** An error, and who it came from; null = nobody a breaker would help against. */
export interface Failure {
  readonly error: PixlError
  readonly target: Target | null
}

/** How a claim ends, to be written under its fence. */
export type Ending =
  | { readonly _tag: 'Exported' }
  | { readonly _tag: 'Await'; readonly checkMs: number }
  | { readonly _tag: 'Skip'; readonly reason: SkippedReason; readonly leftOut: LeftOut }
  | { readonly _tag: 'Absent' }
  | { readonly _tag: 'Route'; readonly queue: string }
  | {
      readonly _tag: 'Release'
      readonly why: 'capacity' | 'paused' | 'breaker' | 'alone' | 'shutdown'
      readonly afterMs: number
    }
  | { readonly _tag: 'Fail'; readonly reason: FailedReason; readonly error: PixlError }
  | { readonly _tag: 'Retry'; readonly counted: boolean; readonly error: PixlError }
  /** Already written: the study is another row's, or it is requested again because its series grew. */
  | { readonly _tag: 'Written' }
  /** Another worker has the study: nothing is left to write. */
  | { readonly _tag: 'Lost' }

/** Codes of a disk or process that has nothing left to give. */
const exhausted = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EROFS'])

/** What an error says about its target, when it says anything without asking it: refused login, no space. */
export const breakerCauseOf = (error: PixlError): Exclude<BreakerCause, 'outage'> | null => {
  if (error._tag === 'UploadRejected')
    return error.reason === 'credentials' || error.reason === 'quota' ? error.reason : null
  if (error._tag === 'SecretNotFound' || error._tag === 'SecretAccessDenied') return 'credentials'
  if (error._tag === 'Unavailable' && error.cause.code !== undefined && exhausted.has(error.cause.code)) return 'quota'
  return null
}

export interface FailureCircumstances {
  /** The target did not answer a probe either, or said itself that it takes nothing. */
  readonly outage: boolean
  /** Failures counted before this one, and how many there may be. */
  readonly attempts: number
  readonly maxAttempts: number
  /** The queue of the secondary archive, when the study was not asked for there. */
  readonly secondaryQueue: string | null
}

/** Ports all studies share: when one does not answer, that is no failure of the study. */
const shared: ReadonlySet<PortName> = new Set<PortName>([
  'ExtractRepository',
  'MessageBus',
  'RateLimiter',
  'SecretStore',
])

const retry = (error: PixlError, { outage, attempts, maxAttempts }: FailureCircumstances): Ending => {
  const isShared = error._tag === 'Unavailable' && shared.has(error.port)
  if (outage || isShared) return { _tag: 'Retry', counted: false, error }
  if (attempts + 1 >= maxAttempts) return { _tag: 'Fail', reason: 'RetriesExhausted', error }
  return { _tag: 'Retry', counted: true, error }
}

/** How a claim ends after an error: the whole policy in one place. */
export const endingAfter = (error: PixlError, circumstances: FailureCircumstances): Ending => {
  switch (error._tag) {
    case 'StudyNotInArchive':
      return circumstances.secondaryQueue === null
        ? { _tag: 'Absent' }
        : { _tag: 'Route', queue: circumstances.secondaryQueue }
    case 'SeveralMatches':
      return { _tag: 'Fail', reason: 'SeveralMatches', error }
    case 'IdentityMismatch':
      return { _tag: 'Fail', reason: 'IdentityMismatch', error }
    case 'UnreadableStudy':
      return { _tag: 'Fail', reason: 'UnreadableFile', error }
    case 'UnknownProject':
    case 'InvalidInput':
    case 'UnknownDestination':
      return { _tag: 'Fail', reason: 'InvalidRequest', error }
    case 'UploadRejected':
      if (error.reason === 'invalid') return { _tag: 'Fail', reason: 'UploadRejected', error }
      if (error.reason === 'conflict') return { _tag: 'Fail', reason: 'Conflict', error }
      return retry(error, circumstances)
    case 'StudyNotFound':
    case 'SecretNotFound':
    case 'SecretAccessDenied':
    case 'Unavailable':
      return retry(error, circumstances)
    case 'StaleClaim':
      return { _tag: 'Lost' }
    default:
      return absurd(error)
  }
}

/** The error in the words of the history: tag, port and code, never a value. */
export const causeText = (error: PixlError): string => {
  if (error._tag === 'Unavailable') return ['Unavailable', error.port, error.cause.code ?? error.cause.name].join(' ')
  if (error._tag === 'UploadRejected') return `UploadRejected ${error.reason}`
  if (error._tag === 'UnreadableStudy') return `UnreadableStudy: ${error.problem}`
  return error._tag
}
