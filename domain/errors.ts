import type { ArchiveName, DestinationName, ProjectSlug, PseudoStudyUid, SecretName } from './identifiers.js'

/** All that is kept of an error a library threw: no message, since messages quote values. */
export interface Cause {
  readonly name: string
  readonly code?: string
  readonly status?: number
}

/** Reduces whatever was caught to a {@link Cause}. */
export const causeOf = (caught: unknown): Cause => {
  if (typeof caught !== 'object' || caught === null) return { name: typeof caught }
  const { name, code, status } = caught as { name?: unknown; code?: unknown; status?: unknown }
  const word = (u: unknown): u is string => typeof u === 'string' && /^[\w.-]{1,64}$/.test(u)
  return {
    name: word(name) ? name : 'Error',
    ...(word(code) || typeof code === 'number' ? { code: String(code) } : {}),
    ...(typeof status === 'number' ? { status } : {}),
  }
}

export type PortName =
  | 'RateLimiter'
  | 'MessageBus'
  | 'ExtractRepository'
  | 'SecretStore'
  | 'ImageUploader'
  | 'ImageSource'
  | 'ImageArchive'
  | 'Deidentifier'
  | 'CohortReader'
  | 'ProjectCatalogue'

/** A server, disk or library did not do its part; trying again later may succeed. */
export interface Unavailable {
  readonly _tag: 'Unavailable'
  readonly port: PortName
  readonly cause: Cause
}
/** The archive answered: it has no such study. */
export interface StudyNotInArchive {
  readonly _tag: 'StudyNotInArchive'
  readonly archive: ArchiveName
}
/** Several studies match, and the request does not say which. */
export interface SeveralMatches {
  readonly _tag: 'SeveralMatches'
  readonly archive: ArchiveName
  readonly count: number
}
/** The study found belongs to another patient than the request says. */
export interface IdentityMismatch {
  readonly _tag: 'IdentityMismatch'
  readonly archive: ArchiveName
}
/** An instance cannot be read as DICOM, or not in a form that can be de-identified. */
export interface UnreadableStudy {
  readonly _tag: 'UnreadableStudy'
  /** What is wrong, in words of the program: never a value of the file. */
  readonly problem: string
}
/** The source no longer holds that de-identified study. */
export interface StudyNotFound {
  readonly _tag: 'StudyNotFound'
  readonly study: PseudoStudyUid
}
/** The destination refused: `credentials` and `quota` are the destination's state, the others the study's. */
export interface UploadRejected {
  readonly _tag: 'UploadRejected'
  readonly study: PseudoStudyUid | null
  readonly reason: 'credentials' | 'invalid' | 'partial' | 'quota' | 'conflict'
}
export interface SecretNotFound {
  readonly _tag: 'SecretNotFound'
  readonly secret: SecretName
}
export interface SecretAccessDenied {
  readonly _tag: 'SecretAccessDenied'
  readonly secret: SecretName
}
/** A file an operator gave (cohort, configuration, setting) is not usable: what, where, what to do. */
export interface InvalidInput {
  readonly _tag: 'InvalidInput'
  /** The file, folder or variable, as the operator named it; with `:line` where known. */
  readonly where: string
  /** What is wrong with it. */
  readonly what: string
  /** What to do about it. */
  readonly remedy: string
}
/** No configuration file for that project. */
export interface UnknownProject {
  readonly _tag: 'UnknownProject'
  readonly project: ProjectSlug
}
/** No uploader is registered under that name. */
export interface UnknownDestination {
  readonly _tag: 'UnknownDestination'
  readonly destination: DestinationName
}

/** Another worker has claimed the study since: what this one writes is refused, and its work is not needed. */
export interface StaleClaim {
  readonly _tag: 'StaleClaim'
}

export type SecretError = SecretNotFound | SecretAccessDenied | Unavailable
export type UploadError =
  UploadRejected | StudyNotFound | SecretNotFound | SecretAccessDenied | StaleClaim | Unavailable
export type RetrieveError = StudyNotInArchive | SeveralMatches | IdentityMismatch | UnreadableStudy | Unavailable
export type PixlError = UploadError | RetrieveError | InvalidInput | UnknownProject | UnknownDestination

export const unavailable = (port: PortName, caught: unknown): Unavailable => ({
  _tag: 'Unavailable',
  port,
  cause: causeOf(caught),
})
export const invalidInput = (where: string, what: string, remedy: string): InvalidInput => ({
  _tag: 'InvalidInput',
  where,
  what,
  remedy,
})

/** Marks a place no value can reach; a new variant that is not handled does not compile. */
export const absurd = (value: never): never => {
  throw new Error(`unhandled variant of type ${typeof value}`)
}

const describeCause = ({ name, code, status }: Cause): string =>
  [name, code, status === undefined ? undefined : `HTTP ${status}`].filter((x) => x !== undefined).join(' ')

const uploadAdvice: Readonly<Record<UploadRejected['reason'], string>> = {
  credentials: 'it refused the user name or password; check the secrets of the project',
  invalid: 'it refused the content; see the log of the destination',
  partial: 'it took only a part of the instances; the next attempt sends them again',
  quota: 'it has no space left; free some, the work goes on by itself',
  conflict: 'it holds another object under that name; settle it there, then replay',
}

/** One sentence: what failed, which one, what to do next. Holds no identifier, secret or library message. */
export const describeError = (error: PixlError): string => {
  switch (error._tag) {
    case 'Unavailable':
      return `The ${error.port} did not answer as it should (${describeCause(error.cause)}); it is tried again.`
    case 'StudyNotInArchive':
      return `The ${error.archive} archive has no such study; check the identifiers of the request.`
    case 'SeveralMatches':
      return `${error.count} studies of the ${error.archive} archive match; give the StudyInstanceUID in the request.`
    case 'IdentityMismatch':
      return `The study in the ${error.archive} archive belongs to another PatientID than the request names; check the request.`
    case 'UnreadableStudy':
      return `The study cannot be de-identified (${error.problem}); mend its files or the configuration, then replay.`
    case 'StudyNotFound':
      return `The de-identified study ${error.study} is no longer in the spool; it is made again on the next attempt.`
    case 'UploadRejected':
      return `The destination refused ${error.study ?? 'a study'}: ${uploadAdvice[error.reason]}.`
    case 'SecretNotFound':
      return `The secret ${error.secret} does not exist; create it in the secret store.`
    case 'SecretAccessDenied':
      return `The secret ${error.secret} may not be read; grant access to it in the secret store.`
    case 'StaleClaim':
      return 'Another worker has taken over the study; nothing is left to do here.'
    case 'InvalidInput':
      return `${error.where}: ${error.what}; ${error.remedy}.`
    case 'UnknownProject':
      return `There is no configuration for project ${error.project}; add ${error.project}.yaml to the projects folder.`
    case 'UnknownDestination':
      return `No uploader is registered for destination ${error.destination}; register one, or correct destination.dicom.`
    default:
      return absurd(error)
  }
}

/** Whether trying again later, with nothing changed by hand, may succeed. */
export const isTransient = (error: PixlError): boolean => {
  switch (error._tag) {
    case 'Unavailable':
    case 'StudyNotFound':
      return true
    case 'UploadRejected':
      return error.reason === 'partial' || error.reason === 'quota' || error.reason === 'credentials'
    case 'SecretNotFound':
    case 'SecretAccessDenied':
    case 'StaleClaim':
      return true
    case 'StudyNotInArchive':
    case 'SeveralMatches':
    case 'IdentityMismatch':
    case 'UnreadableStudy':
    case 'InvalidInput':
    case 'UnknownProject':
    case 'UnknownDestination':
      return false
    default:
      return absurd(error)
  }
}
