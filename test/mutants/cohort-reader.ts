import * as E from 'fp-ts/lib/Either.js'
import type { MemoryCohortReader } from '../../adapters/memory/cohort-reader.js'
import { makeMemoryCohortReader } from '../../adapters/memory/cohort-reader.js'
import type { CohortRow } from '../../domain/cohort.js'
import { hospitalNumberKey } from '../../domain/cohort.js'
import type { InvalidInput, Unavailable } from '../../domain/errors.js'
import { invalidInput, unavailable } from '../../domain/errors.js'
import type { StudyRequest } from '../../domain/study.js'
import { requestIdentity } from '../../domain/study.js'
import type { Cohort, CohortSummary } from '../../ports/cohort-reader.js'
import type { CohortReaderHarness } from '../contract/cohort-reader.js'
import type { Mutant } from './mutants.js'

type Rows = ReadonlyArray<CohortRow>
type Requests = ReadonlyArray<StudyRequest>
type Answer = E.Either<InvalidInput | Unavailable, Cohort>

interface Change {
  /** Changes what is put down. */
  readonly rows?: (rows: Rows) => Rows
  /** Changes what opening answers. */
  readonly answer?: (answer: Answer, rows: Rows, reader: MemoryCohortReader) => Answer
  readonly build?: (leak: () => void) => void
  readonly source?: string
}

const startWith = (change: Change) => async (): Promise<CohortReaderHarness> => {
  const reader = makeMemoryCohortReader()
  const placed = new Map<string, Rows>()
  let leaked = 0
  return {
    reader: {
      open: (source) => {
        change.build?.(() => (leaked += 1))
        return async () => {
          const answer = await reader.open(source)()
          return change.answer?.(answer, placed.get(source) ?? [], reader) ?? answer
        }
      },
    },
    says: { projects: true, participants: true, series: true },
    place: async (rows) => {
      const source = change.source ?? `cohort ${placed.size + 1}`
      placed.set(source, rows)
      reader.put(source, change.rows?.(rows) ?? rows)
      return source
    },
    missing: async () => 'nowhere',
    breakDisk: async () => reader.breakDisk(),
    held: async () => reader.openCohorts() + leaked,
    close: async () => undefined,
  }
}

const mutant = (title: string, clause: string, change: Change): Mutant<CohortReaderHarness> => ({
  title,
  breaks: [clause],
  start: startWith(change),
})

const eachRow = (change: (row: CohortRow, index: number) => Partial<CohortRow>): Change => ({
  rows: (rows) => rows.map((row, index) => ({ ...row, ...change(row, index) })),
})

const onCohort = (change: (cohort: Cohort, rows: Rows) => Partial<Cohort>): Change => ({
  answer: (answer, rows) => E.map((cohort: Cohort) => ({ ...cohort, ...change(cohort, rows) }))(answer),
})

const onSummary = (change: (summary: CohortSummary, rows: Rows) => Partial<CohortSummary>): Change =>
  onCohort((cohort, rows) => ({ summary: () => ({ ...cohort.summary(), ...change(cohort.summary(), rows) }) }))

async function* changed(cohort: Cohort, change: (requests: Requests) => Requests): AsyncGenerator<Requests> {
  const all: Array<StudyRequest> = []
  for await (const batch of cohort.batches) all.push(...batch)
  const requests = change(all)
  for (let start = 0; start < requests.length; start += 1000) yield requests.slice(start, start + 1000)
}

async function* inOneBatch(cohort: Cohort): AsyncGenerator<Requests> {
  const all: Array<StudyRequest> = []
  for await (const batch of cohort.batches) all.push(...batch)
  yield all
}

async function* quietly(cohort: Cohort): AsyncGenerator<Requests> {
  try {
    yield* cohort.batches
  } catch {
    return
  }
}

const onRequests = (change: (requests: Requests) => Requests): Change =>
  onCohort((cohort) => ({ batches: changed(cohort, change) }))

const unique = <A>(items: ReadonlyArray<A>, key: (item: A) => string): ReadonlyArray<A> => [
  ...new Map(items.toReversed().map((item) => [key(item), item])).values(),
]

const emptyCohort: Cohort = {
  projects: [],
  batches: (async function* () {})(),
  summary: () => ({ rows: 0, accepted: 0, duplicates: 0, withoutIdentifier: 0, rejected: 0, rejections: [] }),
  close: async () => undefined,
}

const onError = (change: (error: InvalidInput | Unavailable, rows: Rows) => InvalidInput | Unavailable): Change => ({
  answer: (answer, rows) => E.mapLeft((error: InvalidInput | Unavailable) => change(error, rows))(answer),
})

/** Cohort readers broken on purpose. */
export const mutants: ReadonlyArray<Mutant<CohortReaderHarness>> = [
  mutant('opens while the task is built', 'does nothing until the task is run', { build: (leak) => leak() }),
  mutant(
    'forgets the name of the project',
    'asks for a study as the cohort names it, without white space around',
    onRequests((requests) => requests.map((one) => ({ ...one, projectName: one.project }))),
  ),
  mutant(
    'makes up an MRN',
    'asks for a study as the cohort names it, without white space around',
    eachRow(({ mrn }) => ({ mrn: mrn.trim() === '' ? 'UNKNOWN' : mrn })),
  ),
  mutant(
    'gives the newest first',
    'orders requests by study date, then as the rows stand',
    onRequests((requests) => requests.toReversed()),
  ),
  mutant(
    'sorts by the spelling of the project',
    'puts each project together, whatever the spelling of its name',
    onRequests((requests) => requests.toSorted((a, b) => (a.projectName < b.projectName ? -1 : 1))),
  ),
  mutant(
    'tells no projects',
    'tells the projects of its requests as soon as it is open',
    onCohort(() => ({ projects: [] })),
  ),
  mutant('keeps the last', 'keeps the first of the rows that ask for one study', { rows: (rows) => rows.toReversed() }),
  mutant(
    'looks for repetitions before it looks at the rows',
    'does not take a bad row for the first of those that ask for one study',
    { rows: (rows) => unique(rows, ({ accessionNumber }) => accessionNumber) },
  ),
  mutant(
    'takes a study for one whatever the project',
    'takes the same study of two projects as two requests',
    onRequests((requests) => unique(requests, requestIdentity)),
  ),
  mutant(
    'passes over series',
    'takes other series of one study as another request',
    eachRow(() => ({ seriesUid: '' })),
  ),
  mutant(
    'calls a row without identifier bad',
    'leaves out and counts rows with neither accession number nor study UID',
    onSummary(({ withoutIdentifier }) => ({ withoutIdentifier: 0, rejected: withoutIdentifier })),
  ),
  mutant(
    'does not tell the line',
    'goes on after a bad row and tells its place, its column and what was expected',
    onSummary(({ rejections }) => ({ rejections: rejections.map((one) => ({ ...one, line: null })) })),
  ),
  mutant(
    'forgets repetitions',
    'counts every row once',
    onSummary(() => ({ duplicates: 0 })),
  ),
  mutant(
    'gives everything at once',
    'gives batches of at most 1,000',
    onCohort((cohort) => ({ batches: inOneBatch(cohort) })),
  ),
  mutant(
    'counts only the bad rows it tells',
    'tells the first 100 bad rows and counts them all',
    onSummary(({ rejections }) => ({ rejected: rejections.length })),
  ),
  mutant('opens an empty cohort', 'refuses a cohort without a row that can be requested, and holds nothing of it', {
    answer: (answer) => E.orElse(() => E.right<InvalidInput | Unavailable, Cohort>(emptyCohort))(answer),
  }),
  mutant(
    'takes a wrong name for an outage',
    'refuses a source that is not there',
    onError(() => unavailable('CohortReader', null)),
  ),
  mutant(
    'drops participants',
    'keeps the participant the cohort names',
    eachRow(() => ({ participantId: '' })),
  ),
  mutant(
    'compares participants and MRNs as they are written',
    'refuses a participant who is named by an MRN of the cohort',
    eachRow(({ participantId, mrn }) => ({ participantId: participantId === mrn ? mrn : `P${participantId}` })),
  ),
  mutant(
    'does not see that a participant is two patients',
    'refuses one participant for two patients of a project',
    eachRow(({ participantId }, index) => ({ participantId: participantId && `${participantId}-${index}` })),
  ),
  mutant(
    'does not see that a patient is two participants',
    'refuses two participants for one patient of a project',
    eachRow(({ participantId, mrn }) => ({ participantId: participantId && `P${hospitalNumberKey(mrn)}` })),
  ),
  mutant(
    'takes an outage for a fault of the cohort',
    'answers Unavailable, which is transient, when its disk does not',
    onError(() => invalidInput('cohort', 'it cannot be read', 'try another')),
  ),
  mutant('rejects when the disk does not answer', 'answers Unavailable, which is transient, when its disk does not', {
    answer: (answer) => {
      if (E.isLeft(answer)) throw new Error('disk')
      return answer
    },
  }),
  mutant(
    'quotes bad values',
    'holds no value of the cohort in errors and summaries',
    onSummary(({ rejections }, rows) => ({
      rejections: rejections.map((one) => ({ ...one, problem: `expected no ${JSON.stringify(rows[one.line! - 1])}` })),
    })),
  ),
  mutant(
    'quotes the participant',
    'holds no participant in the error that refuses it',
    onError((error, rows) =>
      'what' in error ? { ...error, what: rows.map((row) => row.participantId).join() } : error,
    ),
  ),
  mutant(
    'closes nothing that was not read',
    'holds nothing once closed, read to the end or not',
    onCohort((cohort) => ({
      close: async () => {
        if (cohort.summary().accepted > 0) await cohort.close()
      },
    })),
  ),
  mutant(
    'ends quietly when it was closed',
    'fails, rather than ends early, when it is read after it was closed',
    onCohort((cohort) => ({ batches: quietly(cohort) })),
  ),
  mutant(
    'holds on to what it refused',
    'refuses a cohort without a row that can be requested, and holds nothing of it',
    { build: (leak) => leak() },
  ),
  mutant('reads whatever was put down last', 'reads two cohorts at once without mixing them, and one twice alike', {
    source: 'cohort',
  }),
]
