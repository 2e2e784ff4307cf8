import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBValue } from '@duckdb/node-api'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { soundRequestOf } from '../../domain/cohort.js'
import type { InvalidInput, Unavailable } from '../../domain/errors.js'
import { invalidInput, unavailable } from '../../domain/errors.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import type { StudyRequest } from '../../domain/study.js'
import type { Cohort, CohortReader, CohortSummary } from '../../ports/cohort-reader.js'
import type { Findings, Verdict } from './candidates.js'
import { countVerdicts, createCandidates, rowColumnList, rowOf } from './candidates.js'
import { readCsvCandidates } from './csv-candidates.js'
import { joinExtract, judgeUnsure } from './extract-candidates.js'
import { findDamaged, inspectExtract } from './extract-columns.js'
import { findExtractFiles, readSummary } from './extract-files.js'
import { unreadable } from './operator-file.js'
import { markDuplicates, participantsProblem, readProjects, requestsQuery } from './whole-cohort.js'
import type { Workspace } from './workspace.js'
import { openWorkspace } from './workspace.js'

type Failure = InvalidInput | Unavailable

const batchSize = 1000

/** All that is kept of what DuckDB throws: the kind of the error, since the rest quotes values. */
const duckdbUnavailable = (caught: unknown): Unavailable => {
  const kind = caught instanceof Error ? /^([A-Z][\w ]{1,40}) Error:/.exec(caught.message)?.[1] : undefined
  return unavailable(
    'CohortReader',
    kind === undefined ? caught : { name: 'DuckDBError', code: kind.replaceAll(' ', '') },
  )
}

const readExtract = async (workspace: Workspace, source: string): Promise<E.Either<Failure, Findings>> => {
  const identity = await readSummary(source)
  if (E.isLeft(identity)) return identity
  const files = await findExtractFiles(source)
  if (E.isLeft(files)) return files
  const all = Object.values(files.right).flat()
  const links = await workspace.admit(all.map((file) => join(source, file)))
  const linkOf = new Map(all.map((file, index) => [file, links[index]!]))
  const pathOf = (file: string): string => linkOf.get(file)!
  const tables = await inspectExtract(workspace.connection, source, files.right, pathOf)
  if (E.isLeft(tables)) return tables
  try {
    await joinExtract(workspace.connection, tables.right, identity.right)
  } catch (caught) {
    const culprit = await findDamaged(workspace.connection, source, files.right, pathOf)
    return E.left(culprit ?? duckdbUnavailable(caught))
  }
  const rejections = await judgeUnsure(workspace.connection, workspace.writer, files.right)
  return E.right({ unreadable: 0, rejections })
}

const readCsv = async (workspace: Workspace, source: string): Promise<E.Either<Failure, Findings>> => {
  const findings = await readCsvCandidates(workspace.connection, source)
  if (E.isLeft(findings)) return findings
  const problem = await participantsProblem(workspace.connection, source)
  return problem === null ? findings : E.left(problem)
}

const emptyCohort = (source: string, rows: number, { rejections }: Findings): InvalidInput => {
  if (rows === 0) return invalidInput(source, 'it asks for no study', 'check that it is the cohort you mean')
  const first = rejections[0]
  return first === undefined
    ? invalidInput(
        source,
        `none of its ${rows} rows has an accession number or a study UID`,
        'check that it is the cohort you mean',
      )
    : invalidInput(
        source,
        `none of its ${rows} rows can be requested (${first.file}, line ${first.line}, column ${first.column}: ${first.problem})`,
        'correct the rows',
      )
}

const requestFrom = (values: ReadonlyArray<DuckDBValue>): StudyRequest =>
  soundRequestOf(rowOf(values), known(ProjectSlug, values[9] as string))

const cohortOf = (
  workspace: Workspace,
  projects: ReadonlyArray<ProjectSlug>,
  counts: Readonly<Record<Verdict, number>>,
  findings: Findings,
): Cohort => {
  const rejected = counts.rejected + findings.unreadable
  let accepted = 0
  let isClosed = false
  let fetching: Promise<unknown> = Promise.resolve()
  const guarded = <A>(work: () => Promise<A>): Promise<A> => {
    if (isClosed) throw new Error('a cohort was read after it was closed')
    const running = work()
    fetching = running.catch(() => undefined)
    return running
  }

  async function* batches(): AsyncGenerator<ReadonlyArray<StudyRequest>> {
    try {
      const result = await guarded(() => workspace.connection.stream(requestsQuery(rowColumnList)))
      for (;;) {
        const chunk = await guarded(() => result.fetchChunk())
        if (chunk === null || chunk.rowCount === 0) break
        const requests = chunk.getRows().map(requestFrom)
        for (let start = 0; start < requests.length; start += batchSize) {
          const batch = requests.slice(start, start + batchSize)
          accepted += batch.length
          yield batch
        }
      }
    } catch (caught) {
      if (isClosed) throw caught
      throw Object.assign(new Error('the cohort cannot be read on'), duckdbUnavailable(caught).cause)
    }
  }

  return {
    projects,
    batches: batches(),
    summary: (): CohortSummary => ({
      rows: counts.good + counts.duplicate + counts.nameless + rejected,
      accepted,
      duplicates: counts.duplicate,
      withoutIdentifier: counts.nameless,
      rejected,
      rejections: findings.rejections,
    }),
    close: async () => {
      if (isClosed) return
      isClosed = true
      await fetching
      await workspace.close()
    },
  }
}

const read = async (workspace: Workspace, source: string, isDirectory: boolean): Promise<E.Either<Failure, Cohort>> => {
  await createCandidates(workspace.connection)
  const findings = await (isDirectory ? readExtract : readCsv)(workspace, source)
  if (E.isLeft(findings)) return findings
  await markDuplicates(workspace.connection)
  const counts = await countVerdicts(workspace.connection)
  const rows = counts.good + counts.nameless + counts.rejected + findings.right.unreadable
  if (counts.good === 0) return E.left(emptyCohort(source, rows, findings.right))
  const projects = await readProjects(workspace.connection)
  return E.right(cohortOf(workspace, projects, counts, findings.right))
}

const open = async (source: string, temporaryDirectory: string): Promise<E.Either<Failure, Cohort>> => {
  let isDirectory: boolean
  try {
    const found = await stat(source)
    isDirectory = found.isDirectory()
    await access(source, constants.R_OK)
    if (!isDirectory && !found.isFile())
      return E.left(
        invalidInput(source, 'it is neither a directory nor a file', 'name an OMOP ES extract directory or a CSV file'),
      )
  } catch (caught) {
    return E.left(unreadable(source === '' ? 'the cohort' : source, caught))
  }
  const workspace = await openWorkspace(temporaryDirectory)
  try {
    const cohort = await read(workspace, source, isDirectory)
    if (E.isLeft(cohort)) await workspace.close()
    return cohort
  } catch (caught) {
    await workspace.close()
    throw caught
  }
}

/**
 * Reads cohorts with DuckDB: a directory is an OMOP ES extract, a file is CSV. Rows wait in compressed memory and,
 * beyond half a gigabyte, in a directory of their own below `temporaryDirectory`, so that any number of them can be put
 * in order. After a kill that directory is left: give one that is emptied at start.
 */
export const makeDuckdbCohortReader = (temporaryDirectory: string = tmpdir()): CohortReader => ({
  open: (source) =>
    pipe(
      TE.tryCatch(() => open(source, temporaryDirectory), duckdbUnavailable),
      TE.flatMapEither((opened) => opened),
    ),
})
