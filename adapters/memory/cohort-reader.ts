import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { CohortRow, RowProblem } from '../../domain/cohort.js'
import { hospitalNumberKey, rowProblemOf, soundRequestOf, trimmedRow } from '../../domain/cohort.js'
import type { InvalidInput, Unavailable } from '../../domain/errors.js'
import { invalidInput, unavailable } from '../../domain/errors.js'
import { projectSlug } from '../../domain/slug.js'
import type { StudyRequest } from '../../domain/study.js'
import { requestIdentity } from '../../domain/study.js'
import type { Cohort, CohortReader, RejectedRow } from '../../ports/cohort-reader.js'

/** A {@link CohortReader} over rows in memory, for tests and for services that bring their own rows. */
export interface MemoryCohortReader extends CohortReader {
  /** Puts a cohort under a name; the first row is line 1. */
  readonly put: (source: string, rows: ReadonlyArray<CohortRow>) => void
  /** From now on the disk does not answer. */
  readonly breakDisk: () => void
  /** How many cohorts are open. */
  readonly openCohorts: () => number
}

const batchSize = 1000
const mostRejections = 100

interface Asked {
  readonly line: number
  readonly request: StudyRequest
}
type Judged = Asked | RowProblem | 'nameless'

const judge = (row: CohortRow, line: number): Judged => {
  const found = rowProblemOf(row)
  if (found?._tag === 'WithoutIdentifier') return 'nameless'
  const project = projectSlug(row.projectName)
  if (E.isLeft(project))
    return { _tag: 'RowProblem', column: 'projectName', problem: 'expected a project name with letters or digits' }
  return found ?? { line, request: soundRequestOf(row, project.right) }
}

/** The first line at which a key has met another value before. */
const firstConflict = (pairs: ReadonlyArray<{ key: string; value: string; line: number }>): number | null => {
  const seen = new Map<string, string>()
  for (const { key, value, line } of pairs) {
    if ((seen.get(key) ?? value) !== value) return line
    seen.set(key, value)
  }
  return null
}

const participantsProblem = (
  source: string,
  rows: ReadonlyArray<CohortRow>,
  asked: ReadonlyArray<Asked>,
): InvalidInput | null => {
  const mrns = new Set(rows.filter(({ mrn }) => mrn !== '').map(({ mrn }) => hospitalNumberKey(mrn)))
  const named = rows.findIndex(
    ({ participantId }) => participantId !== '' && mrns.has(hospitalNumberKey(participantId)),
  )
  if (named !== -1)
    return invalidInput(
      `${source}:${named + 1}`,
      'the participant_id of this row is the MRN of a patient of the cohort',
      'give each patient a participant_id that is no hospital number',
    )
  const pairs = asked.flatMap(({ line, request: { project, mrn, pseudoPatientId } }) =>
    mrn === null || pseudoPatientId === null
      ? []
      : [{ line, project, mrn: mrn.reveal(), participant: pseudoPatientId }],
  )
  const conflict =
    firstConflict(
      pairs.map(({ line, project, mrn, participant }) => ({
        line,
        key: JSON.stringify([project, participant]),
        value: hospitalNumberKey(mrn),
      })),
    ) ??
    firstConflict(
      pairs.map(({ line, project, mrn, participant }) => ({
        line,
        key: JSON.stringify([project, mrn]),
        value: participant,
      })),
    )
  return conflict === null
    ? null
    : invalidInput(
        `${source}:${conflict}`,
        'one participant_id stands for different MRNs of a project, or one MRN has different participant_ids',
        'give each patient one participant_id of their own',
      )
}

const withoutRepetition = (asked: ReadonlyArray<Asked>): ReadonlyArray<Asked> => {
  const first = new Map<string, Asked>()
  for (const one of asked) {
    const series = one.request.seriesInstanceUids.map((uid) => uid.reveal()).sort()
    const key = JSON.stringify([one.request.project, requestIdentity(one.request), series])
    if (!first.has(key)) first.set(key, one)
  }
  return [...first.values()]
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const inOrder = (left: Asked, right: Asked): number =>
  compare(left.request.project, right.request.project) ||
  compare(left.request.studyDate, right.request.studyDate) ||
  left.line - right.line

const isAsked = (judged: Judged): judged is Asked => typeof judged === 'object' && 'request' in judged

/** Makes a reader of cohorts that are put into it. */
export const makeMemoryCohortReader = (): MemoryCohortReader => {
  const cohorts = new Map<string, ReadonlyArray<CohortRow>>()
  let isBroken = false
  let opened = 0

  const read = (source: string): E.Either<InvalidInput | Unavailable, Cohort> => {
    if (isBroken) return E.left(unavailable('CohortReader', { name: 'Error', code: 'EIO' }))
    const rows = cohorts.get(source)?.map(trimmedRow)
    if (rows === undefined) return E.left(invalidInput(source, 'it does not exist', 'check the name'))
    const judged = rows.map((row, index) => judge(row, index + 1))
    const asked = judged.filter(isAsked)
    const problem = participantsProblem(source, rows, asked)
    if (problem !== null) return E.left(problem)
    if (asked.length === 0)
      return E.left(
        invalidInput(
          source,
          `none of its ${rows.length} rows can be requested`,
          'check that it is the cohort you mean',
        ),
      )
    const requests = withoutRepetition(asked).toSorted(inOrder)
    const rejections = judged.flatMap((one, index): ReadonlyArray<RejectedRow> =>
      typeof one === 'object' && !isAsked(one)
        ? [{ file: source, line: index + 1, column: one.column, problem: one.problem }]
        : [],
    )
    return E.right(cohortOf(rows.length, requests, asked.length, rejections))
  }

  const cohortOf = (
    rows: number,
    requests: ReadonlyArray<Asked>,
    good: number,
    rejections: ReadonlyArray<RejectedRow>,
  ): Cohort => {
    let accepted = 0
    let isClosed = false
    opened += 1
    async function* batches(): AsyncGenerator<ReadonlyArray<StudyRequest>> {
      for (let start = 0; start < requests.length; start += batchSize) {
        if (isClosed) throw new Error('a cohort was read after it was closed')
        const batch = requests.slice(start, start + batchSize).map(({ request }) => request)
        accepted += batch.length
        yield batch
      }
    }
    return {
      projects: [...new Set(requests.map(({ request }) => request.project))],
      batches: batches(),
      summary: () => ({
        rows,
        accepted,
        duplicates: good - requests.length,
        withoutIdentifier: rows - good - rejections.length,
        rejected: rejections.length,
        rejections: rejections.slice(0, mostRejections),
      }),
      close: async () => {
        if (!isClosed) opened -= 1
        isClosed = true
      },
    }
  }

  return {
    open: (source) => TE.fromIOEither(() => read(source)),
    put: (source, rows) => {
      cohorts.set(source, rows)
    },
    breakDisk: () => {
      isBroken = true
    },
    openCohorts: () => opened,
  }
}
