import { blake2b } from '@noble/hashes/blake2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { CorrelationId, ProjectSlug, PseudoPatientId, PseudoStudyUid } from './identifiers.js'
import {
  CorrelationId as CorrelationIdCodec,
  known,
  PseudoPatientId as PatientCodec,
  PseudoStudyUid as StudyCodec,
  StudyKey as StudyKeyCodec,
} from './identifiers.js'
import type { StudyKey } from './identifiers.js'
import type { Mrn, Secret, StudyInstanceUid } from './sensitive.js'

/** The secrets pseudonyms and hashes are made from. */
export interface PseudonymKeys {
  /** The installation key: any non-empty text. */
  readonly installationKey: Secret
  /** Salt of the project (secret named like the slug). */
  readonly projectSalt: Secret
  /** `LOCAL_SALT_VALUE`, '' when unset. */
  readonly localSalt: Secret
}

/** What a study is called once it leaves, and how its inner identifiers are renamed. Deterministic per (key, project). */
export interface Pseudonyms {
  readonly project: ProjectSlug
  readonly pseudoStudyUid: PseudoStudyUid
  readonly pseudoPatientId: PseudoPatientId
  /** The UID that stands for an original one, everywhere in the project: `2.25.` + a UUID (PS3.5 annex B.2). */
  readonly pseudoUid: (original: string) => string
  /** 64 hex digits: keyed BLAKE2b-256 of value + project salt + local salt, equal to the Python services'. */
  readonly secureHash: (value: string) => string
}

/**
 * BLAKE2b takes keys of 1 to 64 bytes. A longer secret is hashed first (Python refuses it). An empty one is refused
 * where the application starts, so to meet one here is a bug: Python would hash without any key.
 */
const keyBytes = (secret: Secret): Uint8Array => {
  const bytes = utf8ToBytes(secret.reveal())
  if (bytes.length === 0) throw new Error('the installation key is empty')
  return bytes.length <= 64 ? bytes : blake2b(bytes, { dkLen: 64 })
}

/** Keyed hash of parts under a label: parts cannot run into each other, labels never share a value. */
const derive = (key: Secret, dkLen: number, label: string, ...parts: ReadonlyArray<string>): Uint8Array =>
  blake2b(utf8ToBytes(JSON.stringify(['pixl', label, ...parts])), { key: keyBytes(key), dkLen })

/** A UUID made of 16 bytes (RFC 9562 version 8), written as PS3.5 annex B.2 wants it: `2.25.` + its decimal value. */
const uuidUid = (bytes: Uint8Array): string => {
  const uuid = Uint8Array.from(bytes)
  uuid[6] = (uuid[6]! & 0x0f) | 0x80
  uuid[8] = (uuid[8]! & 0x3f) | 0x80
  return `2.25.${BigInt(`0x${bytesToHex(uuid)}`)}`
}

/** The pseudonym of an original UID in a project. */
export const pseudoUid = (key: Secret, project: ProjectSlug, original: string): string =>
  uuidUid(derive(key, 16, 'uid', project, original))

export const pseudoStudyUidOf = (key: Secret, project: ProjectSlug, original: StudyInstanceUid): PseudoStudyUid =>
  known(StudyCodec, pseudoUid(key, project, original.reveal()))

/** 32 hex digits that stand for a patient of a project. */
export const pseudoPatientIdOf = (key: Secret, project: ProjectSlug, original: Mrn): PseudoPatientId =>
  known(PatientCodec, bytesToHex(derive(key, 16, 'patient', project, original.reveal())))

/** Tells, within a project, that two requests found the same study. */
export const studyKeyOf = (key: Secret, project: ProjectSlug, original: StudyInstanceUid): StudyKey =>
  known(StudyKeyCodec, bytesToHex(derive(key, 32, 'study-key', project, original.reveal())))

/** Names a request in telemetry before it has a pseudonym. */
export const correlationIdOf = (key: Secret, project: ProjectSlug, identity: string): CorrelationId =>
  known(CorrelationIdCodec, bytesToHex(derive(key, 8, 'correlation', project, identity)))

/** `secure-hash` of the tag operations; the keying and order are those of the Python services. */
export const secureHash = (keys: PseudonymKeys, value: string): string =>
  bytesToHex(
    blake2b(utf8ToBytes(value + keys.projectSalt.reveal() + keys.localSalt.reveal()), {
      key: keyBytes(keys.installationKey),
      dkLen: 32,
    }),
  )

/** The renaming functions of one study, given the names it was recorded under. */
export const pseudonymsFor = (
  keys: PseudonymKeys,
  project: ProjectSlug,
  original: StudyInstanceUid,
  recorded: { readonly pseudoStudyUid: PseudoStudyUid; readonly pseudoPatientId: PseudoPatientId },
): Pseudonyms => ({
  project,
  pseudoStudyUid: recorded.pseudoStudyUid,
  pseudoPatientId: recorded.pseudoPatientId,
  pseudoUid: (uid) =>
    uid === original.reveal() ? recorded.pseudoStudyUid : pseudoUid(keys.installationKey, project, uid),
  secureHash: (value) => secureHash(keys, value),
})
