import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { ProjectSlug } from './identifiers.js'
import { known, PseudoPatientId, uidPattern } from './identifiers.js'
import type { SeriesInstanceUid } from './sensitive.js'
import { sensitive, sensitiveOrNull } from './sensitive.js'
import type { StudyRequest } from './study.js'

/** One row of a cohort as texts, whatever file it stood in; '' where the cohort says nothing. */
export interface CohortRow {
  readonly procedureId: string
  readonly mrn: string
  readonly accessionNumber: string
  readonly projectName: string
  readonly extractGeneratedTimestamp: string
  readonly studyDate: string
  readonly studyUid: string
  readonly participantId: string
  /** Series UIDs joined by one backslash; '' asks for the whole study. */
  readonly seriesUid: string
}

/** Why a row cannot be requested. Holds no value of the row. */
export interface RowProblem {
  readonly _tag: 'RowProblem'
  readonly column: keyof CohortRow
  readonly problem: string
}

/** The row names no study at all: it is left out and counted, and is no fault of the cohort. */
export interface WithoutIdentifier {
  readonly _tag: 'WithoutIdentifier'
}

/** A DICOM archive matches MRN (VR LO) and accession number within this length; longer ones never match. */
const longestIdentifier = 64

const daysIn = (year: number, month: number): number => {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Whether a text is a day of the calendar, written `YYYY-MM-DD`. */
export const isCalendarDate = (text: string): boolean => {
  const [, year, month, day] = (/^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined) return false
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

/** Whether a text is an instant as extracts write it: `2023-12-07 14:08:58` or ISO 8601, with or without a zone. */
export const isTimestamp = (text: string): boolean => {
  const form = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?:Z|[+-](\d{2}):?(\d{2}))?$/.exec(
    text,
  )
  if (form === null || !isCalendarDate(form[1]!)) return false
  const [hour, minute, second, zoneHour, zoneMinute] = form.slice(2).map((part) => Number(part ?? 0))
  return hour! < 24 && minute! < 60 && second! < 60 && zoneHour! < 24 && zoneMinute! < 60
}

const problem = (column: keyof CohortRow, text: string): RowProblem => ({ _tag: 'RowProblem', column, problem: text })

const identifierProblem = (column: keyof CohortRow, text: string): RowProblem | null => {
  if (/\p{Cc}/u.test(text)) return problem(column, 'expected no control character')
  if (text.includes('\\')) return problem(column, 'expected no backslash, which separates values in DICOM')
  return text.length > longestIdentifier ? problem(column, `expected at most ${longestIdentifier} characters`) : null
}

const uidProblem = (column: keyof CohortRow, text: string): RowProblem | null =>
  text === '' || uidPattern.test(text) ? null : problem(column, 'expected a DICOM UID (PS3.5 section 9.1)')

/** Whether a database and a message can hold the text. */
const isStorable = (text: string): boolean => !/[\p{Surrogate}\0]/u.test(text)

/** pandas writes a whole number with a decimal point once its column holds a gap. */
const wholeNumber = /^[+-]?\d{1,38}(\.0*)?$/

const procedureIdProblem = (text: string): RowProblem | null =>
  text === '' || (wholeNumber.test(text) && Number.isSafeInteger(Number(text)))
    ? null
    : problem(
        'procedureId',
        `expected a whole number between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`,
      )

/** The series a row asks for: trimmed, each once, in the order given. */
export const seriesUidsOf = (seriesUid: string): ReadonlyArray<string> => {
  if (seriesUid === '') return []
  const uids = seriesUid.split('\\').map((uid) => uid.trim())
  return [...new Set(uids)].filter((uid) => uid !== '')
}

const seriesProblem = (seriesUid: string): RowProblem | null => {
  for (const uid of seriesUidsOf(seriesUid)) {
    const found = uidProblem('seriesUid', uid)
    if (found !== null) return found
  }
  return null
}

/** The row with white space taken off both ends of every text but the project name, which is kept as given. */
export const trimmedRow = (row: CohortRow): CohortRow => ({
  procedureId: row.procedureId.trim(),
  mrn: row.mrn.trim(),
  accessionNumber: row.accessionNumber.trim(),
  projectName: row.projectName,
  extractGeneratedTimestamp: row.extractGeneratedTimestamp.trim(),
  studyDate: row.studyDate.trim(),
  studyUid: row.studyUid.trim(),
  participantId: row.participantId.trim(),
  seriesUid: row.seriesUid.trim(),
})

/** The first thing wrong with a trimmed row; null when it can be requested. */
export const rowProblemOf = (row: CohortRow): RowProblem | WithoutIdentifier | null => {
  if (row.accessionNumber === '' && row.studyUid === '') return { _tag: 'WithoutIdentifier' }
  return (
    identifierProblem('mrn', row.mrn) ??
    identifierProblem('accessionNumber', row.accessionNumber) ??
    uidProblem('studyUid', row.studyUid) ??
    seriesProblem(row.seriesUid) ??
    (isStorable(row.projectName) ? null : problem('projectName', 'expected text without NUL')) ??
    (isCalendarDate(row.studyDate) ? null : problem('studyDate', 'expected a date YYYY-MM-DD')) ??
    (isTimestamp(row.extractGeneratedTimestamp)
      ? null
      : problem('extractGeneratedTimestamp', 'expected a date and time YYYY-MM-DDTHH:MM:SSZ')) ??
    procedureIdProblem(row.procedureId) ??
    (row.participantId === '' || PseudoPatientId.is(row.participantId)
      ? null
      : problem('participantId', 'expected at most 64 printable characters without slash or backslash'))
  )
}

/** The request of a trimmed row in which {@link rowProblemOf} finds nothing wrong. */
export const soundRequestOf = (row: CohortRow, project: ProjectSlug): StudyRequest => ({
  project,
  projectName: row.projectName,
  mrn: sensitiveOrNull(row.mrn),
  accessionNumber: sensitiveOrNull(row.accessionNumber),
  studyInstanceUid: sensitiveOrNull(row.studyUid),
  seriesInstanceUids: seriesUidsOf(row.seriesUid).map((uid): SeriesInstanceUid => sensitive(uid)),
  studyDate: row.studyDate,
  procedureOccurrenceId: row.procedureId === '' ? null : Number(row.procedureId) + 0,
  extractGeneratedTimestamp: row.extractGeneratedTimestamp,
  pseudoPatientId: row.participantId === '' ? null : known(PseudoPatientId, row.participantId),
})

/** The request a cohort row makes, or the first thing wrong with it. `project` is the slug of its project name. */
export const studyRequestOf = (
  row: CohortRow,
  project: ProjectSlug,
): E.Either<RowProblem | WithoutIdentifier, StudyRequest> => {
  const trimmed = trimmedRow(row)
  const found = rowProblemOf(trimmed)
  return found === null ? E.right(soundRequestOf(trimmed, project)) : E.left(found)
}

/** What two spellings of one hospital number have in common: case and leading zeros do not count. */
export const hospitalNumberKey = (text: string): string => text.trim().replace(/^0+/, '').toLowerCase()

/** An instant of an extract summary: kept as the original text. */
const TimestampText = new t.Type<string, string, unknown>(
  'date and time YYYY-MM-DD HH:MM:SS',
  (u): u is string => typeof u === 'string' && isTimestamp(u.trim()),
  (u, context) => (typeof u === 'string' && isTimestamp(u.trim()) ? t.success(u.trim()) : t.failure(u, context)),
  String,
)

/** The name of a project, as the database and messages will hold it. */
const ProjectNameText = new t.Type<string, string, unknown>(
  'string without NUL and unpaired surrogates',
  (u): u is string => typeof u === 'string' && isStorable(u),
  (u, context) => (typeof u === 'string' && isStorable(u) ? t.success(u) : t.failure(u, context)),
  String,
)

/** The parts of an OMOP ES `extract_summary.json` a cohort needs: the project's name and when it was extracted. */
export const ExtractSummary = t.type(
  { settings: t.type({ cdm_source_name: ProjectNameText }, 'object with cdm_source_name'), datetime: TimestampText },
  'object with settings and datetime',
)
export type ExtractSummary = t.TypeOf<typeof ExtractSummary>
