import type { PseudoPatientId, PseudoStudyUid, ProjectSlug } from './identifiers.js'
import type { AccessionNumber, Mrn, RawFilePath, SeriesInstanceUid, StudyInstanceUid } from './sensitive.js'
import { revealOr } from './sensitive.js'

/** One imaging study wanted by one project: what a cohort row or a study message asks for. */
export interface StudyRequest {
  /** Slug of `projectName`: the project's name everywhere inside. */
  readonly project: ProjectSlug
  /** The project name exactly as the message or cohort gave it. */
  readonly projectName: string
  readonly mrn: Mrn | null
  readonly accessionNumber: AccessionNumber | null
  readonly studyInstanceUid: StudyInstanceUid | null
  /** The series asked for; empty = the whole study. */
  readonly seriesInstanceUids: ReadonlyArray<SeriesInstanceUid>
  /** Calendar date, `YYYY-MM-DD`. */
  readonly studyDate: string
  /** OMOP PROCEDURE_OCCURRENCE.procedure_occurrence_id; null where the message gave none. */
  readonly procedureOccurrenceId: number | null
  /** When the extract was generated, as the original text (ISO 8601). */
  readonly extractGeneratedTimestamp: string
  /** The pseudonym the cohort asks for (`participant_id`); null = make one. */
  readonly pseudoPatientId: PseudoPatientId | null
}

/**
 * Identity of a study within a project, as a revealed string: for maps and comparisons in memory only, never printed.
 */
export const requestIdentity = (request: Pick<StudyRequest, 'mrn' | 'accessionNumber' | 'studyInstanceUid'>): string =>
  JSON.stringify([revealOr(request.mrn), revealOr(request.accessionNumber), revealOr(request.studyInstanceUid)])

/** The study as the archive has it: original files, readable until the claim on the study ends. Never leaves. */
export interface RawStudyRef {
  readonly _tag: 'RawStudyRef'
  readonly studyInstanceUid: StudyInstanceUid
  /** The instances: DICOM part 10 files on local disk, one instance each. At least one. */
  readonly files: ReadonlyArray<RawFilePath>
}

/** Names a de-identified study inside the {@link ImageSource} that holds it. Holds nothing identifying. */
export interface DeidentifiedStudyRef {
  readonly _tag: 'DeidentifiedStudyRef'
  readonly project: ProjectSlug
  readonly pseudoStudyUid: PseudoStudyUid
  /** Meaningful to the source only: the name of a spool folder, an Orthanc study. */
  readonly location: string
}

/** What may leave: the only form of a study that reaches an uploader. */
export interface DeidentifiedStudy {
  readonly ref: DeidentifiedStudyRef
  readonly project: ProjectSlug
  readonly pseudoStudyUid: PseudoStudyUid
  readonly pseudoPatientId: PseudoPatientId
  readonly seriesCount: number
  readonly instanceCount: number
  /** Sum of the instances' sizes in bytes, null where the source does not tell. */
  readonly bytes: number | null
}
