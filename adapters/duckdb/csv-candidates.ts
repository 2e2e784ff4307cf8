import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import * as E from 'fp-ts/lib/Either.js'
import type { CohortRow, RowProblem } from '../../domain/cohort.js'
import { rowProblemOf, trimmedRow } from '../../domain/cohort.js'
import type { InvalidInput } from '../../domain/errors.js'
import { invalidInput } from '../../domain/errors.js'
import type { ProjectSlug } from '../../domain/identifiers.js'
import { projectSlug } from '../../domain/slug.js'
import type { RejectedRow } from '../../ports/cohort-reader.js'
import type { Candidate, Findings } from './candidates.js'
import { appendCandidates, mostRejections } from './candidates.js'
import type { CsvRecord } from './csv-records.js'
import { readCsvRecords } from './csv-records.js'

const columnNames: Readonly<Record<keyof CohortRow, string>> = {
  procedureId: 'procedure_id',
  mrn: 'mrn',
  accessionNumber: 'accession_number',
  projectName: 'project_name',
  extractGeneratedTimestamp: 'extract_generated_timestamp',
  studyDate: 'study_date',
  studyUid: 'study_uid',
  participantId: 'participant_id',
  seriesUid: 'series_uid',
}

const optionalColumn = columnNames.seriesUid

const headerRemedy =
  'give the file a header row with procedure_id, mrn, accession_number, project_name, extract_generated_timestamp, ' +
  'study_date, study_uid, participant_id and optionally series_uid, separated by commas'

/** Where each column stands. A header may be a row of patients, so its names are never repeated. */
const readHeader = (
  where: string,
  header: CsvRecord | undefined,
): E.Either<InvalidInput, ReadonlyMap<string, number>> => {
  const refuse = (what: string): E.Either<InvalidInput, never> => E.left(invalidInput(where, what, headerRemedy))
  if (header === undefined) return refuse('it is empty')
  if (header._tag === 'Broken') return refuse(`its header cannot be read (${header.problem})`)
  const names = header.fields.map((name) => name.trim())
  const wanted = Object.values(columnNames)
  const missing = wanted.filter((name) => name !== optionalColumn && !names.includes(name))
  if (missing.length > 0)
    return refuse(
      names.length === 1 && /[;\t]/.test(names[0]!)
        ? 'its columns are not separated by commas'
        : `its header lacks ${missing.join(', ')}`,
    )
  const twice = wanted.find((name) => names.indexOf(name) !== names.lastIndexOf(name))
  if (twice !== undefined) return refuse(`its header has ${twice} twice`)
  return E.right(new Map(wanted.map((name) => [name, names.indexOf(name)])))
}

const rowReader =
  (header: ReadonlyMap<string, number>) =>
  (fields: ReadonlyArray<string>): CohortRow => {
    const field = (name: keyof CohortRow): string => fields[header.get(columnNames[name]) ?? -1] ?? ''
    return trimmedRow({
      procedureId: field('procedureId'),
      mrn: field('mrn'),
      accessionNumber: field('accessionNumber'),
      projectName: field('projectName'),
      extractGeneratedTimestamp: field('extractGeneratedTimestamp'),
      studyDate: field('studyDate'),
      studyUid: field('studyUid'),
      participantId: field('participantId'),
      seriesUid: field('seriesUid'),
    })
  }

/** A project's name is slugged once, not once a row. */
const rememberedSlugs = 1000

const makeSlugs = (): ((name: string) => ProjectSlug | null) => {
  const known = new Map<string, ProjectSlug | null>()
  return (name) => {
    const remembered = known.get(name)
    if (remembered !== undefined) return remembered
    const decoded = projectSlug(name)
    const slug = E.isRight(decoded) ? decoded.right : null
    if (known.size >= rememberedSlugs) known.clear()
    known.set(name, slug)
    return slug
  }
}

const slugProblem: RowProblem = {
  _tag: 'RowProblem',
  column: 'projectName',
  problem: 'expected a project name with letters or digits',
}

const judge = (row: CohortRow, project: ProjectSlug | null): 'good' | 'nameless' | RowProblem => {
  const found = rowProblemOf(row)
  if (found?._tag === 'WithoutIdentifier') return 'nameless'
  return project === null ? slugProblem : (found ?? 'good')
}

/** Reads the rows of a CSV file into the table of candidates. */
export const readCsvCandidates = async (
  connection: DuckDBConnection,
  source: string,
): Promise<E.Either<InvalidInput, Findings>> => {
  const stream = createReadStream(source, { highWaterMark: 256 * 1024 })
  try {
    const records = readCsvRecords(stream)
    const header = readHeader(source, (await records.next()).value as CsvRecord | undefined)
    if (E.isLeft(header)) return header
    const rowFrom = rowReader(header.right)
    const slugOf = makeSlugs()
    const file = basename(source)
    const rejections: Array<RejectedRow> = []
    let unreadable = 0

    const reject = (line: number, column: string, problem: string): void => {
      if (rejections.length < mostRejections) rejections.push({ file, line, column, problem })
    }

    async function* candidates(): AsyncGenerator<Candidate> {
      for await (const record of records) {
        if (record._tag === 'Broken') {
          unreadable += 1
          reject(record.line, '(row)', record.problem)
          continue
        }
        const row = rowFrom(record.fields)
        const project = slugOf(row.projectName)
        const judged = judge(row, project)
        if (typeof judged === 'object') reject(record.line, columnNames[judged.column], judged.problem)
        yield {
          position: record.line,
          verdict: typeof judged === 'object' ? 'rejected' : judged,
          project: project ?? '',
          row,
        }
      }
    }

    await appendCandidates(connection, candidates())
    return E.right({ unreadable, rejections })
  } finally {
    stream.destroy()
  }
}
