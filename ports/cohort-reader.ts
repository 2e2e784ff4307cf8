import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { InvalidInput, Unavailable } from '../domain/errors.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import type { StudyRequest } from '../domain/study.js'

/** A row that cannot be requested. Holds no value of the row. */
export interface RejectedRow {
  /** The file, as a path relative to the extract (or the CSV's own name). */
  readonly file: string
  /** Line of a CSV file counted from 1 (the header is line 1); for parquet the procedure's position, counted from 1; null where unknown. */
  readonly line: number | null
  readonly column: string
  /** What is wrong, e.g. `expected a date YYYY-MM-DD`. */
  readonly problem: string
}

/** What a reading found besides the requests. */
export interface CohortSummary {
  /** Rows of the input that could have become a request. */
  readonly rows: number
  readonly accepted: number
  /** Rows that repeat an earlier one. */
  readonly duplicates: number
  /** Rows with neither accession number nor study UID. */
  readonly withoutIdentifier: number
  readonly rejected: number
  /** At most 100 of the rejected rows, the first ones. */
  readonly rejections: ReadonlyArray<RejectedRow>
}

export interface Cohort {
  /** The projects the requests are for, sorted; known as soon as the cohort is open. */
  readonly projects: ReadonlyArray<ProjectSlug>
  /**
   * Requests in batches of at most 1,000, ordered by project, then study date. May be iterated once; iterating fails,
   * rather than ends, when the disk does not answer or the cohort was closed.
   */
  readonly batches: AsyncIterable<ReadonlyArray<StudyRequest>>
  /** Complete once `batches` is exhausted. */
  readonly summary: () => CohortSummary
  /** Frees what the reading holds; also after an early end. */
  readonly close: () => Promise<void>
}

/** Reads which studies a cohort asks for: an OMOP ES extract directory or a CSV file. */
export interface CohortReader {
  /**
   * Opens a cohort and checks everything that concerns the whole of it.
   *
   * **Shape** `source` is a directory or a file, as the operator named it.
   * **Errors** `InvalidInput` it is missing, damaged, of another layout, has wrong columns, is empty (no accepted row
   * left), or names as a `participant_id` an MRN of the cohort; `Unavailable` the disk does not answer.
   * **Guarantees** read-only; memory does not grow with the number of rows.
   * **Source** OMOP CDM tables PERSON, PROCEDURE_OCCURRENCE and their link tables of an OMOP ES extract.
   */
  readonly open: (source: string) => TaskEither<InvalidInput | Unavailable, Cohort>
}
