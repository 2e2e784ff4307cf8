import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { UploadError } from '../domain/errors.js'
import type { DeidentifiedStudy } from '../domain/study.js'

/** What an uploader can promise; declared by the adapter, checked by the contract suite. */
export interface UploaderAbilities {
  /** Nothing appears under the final name before all of it does. */
  readonly atomic: boolean
  /** The destination keeps instances byte for byte. */
  readonly verbatim: boolean
  /** How `verify` knows. */
  readonly verification: 'size' | 'hash' | 'count' | 'read-back'
}

/** The object at the destination, as the database records it. */
export interface StoredObject {
  /** Name at the destination, e.g. `my-project/2.25.1.zip`. Holds nothing identifying. */
  readonly remoteName: string
  /** Size in bytes, null where the destination does not tell. */
  readonly bytes: number | null
  /** SHA-256 of the object, hex; null where the destination keeps no single object. */
  readonly sha256: string | null
}

export type UploadOutcome =
  | { readonly _tag: 'stored'; readonly object: StoredObject }
  | { readonly _tag: 'alreadyPresent'; readonly object: StoredObject }
  | { readonly _tag: 'pending'; readonly object: StoredObject }

/** Delivers de-identified studies to one destination. */
export interface ImageUploader {
  readonly supports: UploaderAbilities
  /**
   * Puts a study at the destination, complete and verified.
   *
   * **Shape** `fence` numbers the claim: temporary names carry it, and leftovers of lower fences of this study are
   * removed before the final rename. `confirm` is run just before the object becomes visible; left there stops the
   * upload with that error and nothing visible changes (the claim was lost). `pending`: accepted, visible only after a
   * later step of the destination.
   * **Errors** `UploadRejected` the destination refused; `StudyNotFound` the source no longer has it; `SecretNotFound`,
   * `SecretAccessDenied` its login; `Unavailable` no answer, or the source broke.
   * **Guarantees** idempotent: the same study twice is one object under the same name; a changed study replaces it.
   */
  readonly upload: (
    study: DeidentifiedStudy,
    fence: number,
    confirm: TaskEither<UploadError, void>,
  ) => TaskEither<UploadError, UploadOutcome>
  /** Compares the destination with the study: for audit and for doubts. Changes nothing. */
  readonly verify: (study: VerifiedStudy) => TaskEither<UploadError, 'present' | 'partial' | 'absent' | 'unknown'>
  /** Names at the destination, under the project, that are not finished objects (left by dead workers). */
  readonly leftovers: (project: DeidentifiedStudy['project']) => TaskEither<UploadError, ReadonlyArray<string>>
  /** Tells an outage from a bad study: right when the destination would take a study now. */
  readonly probe: TaskEither<UploadError, void>
}

/** What `verify` needs to know of a delivered study; its bytes are long gone. */
export interface VerifiedStudy {
  readonly project: DeidentifiedStudy['project']
  readonly pseudoStudyUid: DeidentifiedStudy['pseudoStudyUid']
  readonly object: StoredObject
}
