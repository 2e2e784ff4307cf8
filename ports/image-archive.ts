import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { RetrieveError, Unavailable } from '../domain/errors.js'
import type { ArchiveName } from '../domain/identifiers.js'
import type { RawStudyRef, StudyRequest } from '../domain/study.js'

/** A PACS or VNA that is asked for studies. */
export interface ImageArchive {
  /**
   * Makes the instances of a requested study readable on local disk.
   *
   * **Shape** the study is found by StudyInstanceUID when the request has one; when that finds nothing, by MRN and
   * AccessionNumber (all of those two that are given must match exactly; wildcards in identifiers are plain
   * characters; an MRN alone never stands in for a StudyInstanceUID). All instances of the study are returned, whatever
   * series are asked for, each SOP Instance UID once.
   * **Errors** `StudyNotInArchive` the archive answered and has no such study; `SeveralMatches` more than one study
   * matches; `IdentityMismatch` the PatientID of the study is not the requested MRN (when one was given);
   * `UnreadableStudy` an instance of it cannot be read, or two instances share a SOP Instance UID and differ;
   * `Unavailable` no answer.
   * **Guarantees** read-only; the files stay readable for as long as the study's claim is held.
   * **Source** PS3.4 annex C (Query/Retrieve).
   */
  readonly retrieve: (archive: ArchiveName, request: StudyRequest) => TaskEither<RetrieveError, RawStudyRef>
  /** Tells an outage from a bad study: right when the archive answers at all. */
  readonly probe: (archive: ArchiveName) => TaskEither<Unavailable, void>
}
