import * as t from 'io-ts'
import * as E from 'fp-ts/lib/Either.js'

declare const brand: unique symbol

/** A plain string that only its codec (or a domain function) may make. It never holds an original identifier. */
export type Branded<K extends string> = string & { readonly [brand]: K }

const branded = <K extends string>(name: K, pattern: RegExp): t.Type<Branded<K>, string, unknown> => {
  const is = (u: unknown): u is Branded<K> => typeof u === 'string' && pattern.test(u)
  return new t.Type<Branded<K>, string, unknown>(
    name,
    is,
    (u, context) => (is(u) ? t.success(u) : t.failure(u, context)),
    String,
  )
}

/** Name of a project in paths, tables and configuration: lower-case letters, digits and single hyphens. */
export const ProjectSlug = branded('ProjectSlug', /^[a-z0-9]+(-[a-z0-9]+)*$/)
export type ProjectSlug = Branded<'ProjectSlug'>

/** A UID as PS3.5 section 9.1 allows it: at most 64 characters, components without leading zeros. */
export const uidPattern = /^(?=.{1,64}$)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$/

/** The StudyInstanceUID under which a study leaves. */
export const PseudoStudyUid = branded('PseudoStudyUid', uidPattern)
export type PseudoStudyUid = Branded<'PseudoStudyUid'>

/**
 * The PatientID under which a study leaves: 1 to 64 printable characters (VR LO), no path separator, backslash or
 * white space at the ends.
 */
export const PseudoPatientId = branded('PseudoPatientId', /^(?! )(?!.* $)[^\\/\p{C}\p{Zl}\p{Zp}]{1,64}$/u)
export type PseudoPatientId = Branded<'PseudoPatientId'>

/** Keyed hash of an original StudyInstanceUID: tells that two rows are one study without naming it. 64 hex digits. */
export const StudyKey = branded('StudyKey', /^[0-9a-f]{64}$/)
export type StudyKey = Branded<'StudyKey'>

/** Short keyed hash that names a study in telemetry until it has a pseudonym. 16 hex digits. */
export const CorrelationId = branded('CorrelationId', /^[0-9a-f]{16}$/)
export type CorrelationId = Branded<'CorrelationId'>

/** The name by which a project configuration chooses an uploader. */
export const DestinationName = branded('DestinationName', /^[a-z][a-z0-9-]{0,62}$/)
export type DestinationName = Branded<'DestinationName'>

/** One worker process: unique among all that share a database. */
export const WorkerId = branded('WorkerId', /^[A-Za-z0-9._-]{1,128}$/)
export type WorkerId = Branded<'WorkerId'>

/** Name of a secret in a store, such as `my-project--ftp--password`. Never the secret. */
export const SecretName = branded('SecretName', /^[A-Za-z0-9][A-Za-z0-9-]{0,126}$/)
export type SecretName = Branded<'SecretName'>

/** Where studies are asked for. The secondary archive is asked for what the primary does not have. */
export const ArchiveName = t.keyof({ primary: null, secondary: null })
export type ArchiveName = t.TypeOf<typeof ArchiveName>

/** Priority of a request, 1 (lowest) to 5 (highest), as RabbitMQ's `x-max-priority: 5` orders messages. */
export type Priority = 1 | 2 | 3 | 4 | 5

/** Makes a branded value from text the program itself wrote; a text of the wrong form is a bug and throws. */
export const known = <A>(codec: t.Type<A, string, unknown>, text: string): A => {
  const decoded = codec.decode(text)
  if (E.isLeft(decoded)) throw new Error(`a value that is not a ${codec.name} was used as one`)
  return decoded.right
}
