import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { StudyNotFound, Unavailable } from '../domain/errors.js'
import type { DeidentifiedStudy, DeidentifiedStudyRef } from '../domain/study.js'

/** Where uploaders get the bytes of a de-identified study. */
export interface ImageSource {
  /**
   * Counts what the source holds of a study.
   *
   * **Units** `bytes` is the sum of the instance files.
   * **Errors** `StudyNotFound` the study is not there, or only in part; `Unavailable` it cannot be read.
   */
  readonly describe: (ref: DeidentifiedStudyRef) => TaskEither<StudyNotFound | Unavailable, DeidentifiedStudy>
  /**
   * Opens the study as a zip stream: entries `<pseudo series UID>/<pseudo SOP UID>.dcm`, stored, sorted by name.
   *
   * **Errors** as `describe`, before the first byte; later trouble makes the iteration throw, and a stream that ends
   * before the zip's end record is never a success.
   * **Guarantees** nothing is buffered beyond a few chunks; every call opens a new stream with equal bytes.
   */
  readonly openArchive: (
    ref: DeidentifiedStudyRef,
  ) => TaskEither<StudyNotFound | Unavailable, AsyncIterable<Uint8Array>>
  /** Frees what the source holds of a study. Idempotent: a study that is gone is a success. */
  readonly discard: (ref: DeidentifiedStudyRef) => TaskEither<Unavailable, void>
}
