import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable, UnreadableStudy } from '../domain/errors.js'
import type { Project } from '../domain/project.js'
import type { Pseudonyms } from '../domain/pseudonyms.js'
import type { LeftOut, LeftOutReason } from '../domain/reasons.js'
import type { SeriesInstanceUid } from '../domain/sensitive.js'
import type { DeidentifiedStudyRef, RawStudyRef } from '../domain/study.js'

export type Deidentification =
  | { readonly _tag: 'Deidentified'; readonly ref: DeidentifiedStudyRef; readonly leftOut: LeftOut }
  | { readonly _tag: 'Skipped'; readonly reason: LeftOutReason; readonly leftOut: LeftOut }

/** Removes what identifies a patient. */
export interface Deidentifier {
  /**
   * Writes the part of a study that may leave, renamed and stripped, to where the {@link ImageSource} reads it.
   *
   * **Shape** `requested` lists the original series asked for, empty = all. `Skipped` when nothing may leave, with the
   * most frequent reason; instances left out are counted by reason either way.
   * **Errors** `UnreadableStudy` an instance is damaged or in a form that cannot be rewritten; `Unavailable` the disk
   * is full or a file cannot be read now.
   * **Guarantees** streams: memory does not grow with the study; deterministic: the same input gives the same bytes;
   * running it again, or two of it at once for different claims (`fence`), does no harm; a failed run leaves nothing
   * that `describe` would find.
   * **Source** PS3.15 annex E; PS3.10 section 7; the tag operations of the project.
   */
  readonly deidentify: (
    raw: RawStudyRef,
    pseudonyms: Pseudonyms,
    project: Project,
    requested: ReadonlyArray<SeriesInstanceUid>,
    fence: number,
  ) => TaskEither<UnreadableStudy | Unavailable, Deidentification>
}
