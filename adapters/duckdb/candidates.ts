import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { DuckDBDataChunk, BIGINT, VARCHAR } from '@duckdb/node-api'
import type { CohortRow } from '../../domain/cohort.js'
import { seriesUidsOf } from '../../domain/cohort.js'
import type { RejectedRow } from '../../ports/cohort-reader.js'
import { stage } from './workspace.js'

/**
 * What is known about a row of the input.
 * - `good`: it can be requested.
 * - `unsure`: only the domain can tell; there are none left when the reading starts.
 * - `nameless`: neither accession number nor study UID.
 * - `rejected`: it cannot be requested.
 * - `duplicate`: it repeats an earlier good one.
 */
export type Verdict = 'good' | 'unsure' | 'nameless' | 'rejected' | 'duplicate'

/** A row and where it stood. */
export interface Candidate {
  /** Orders the rows: the line of a CSV file, the place of the procedure in an extract. */
  readonly position: number
  readonly verdict: Verdict
  readonly project: string
  readonly row: CohortRow
}

/** What was found while the rows were read in. */
export interface Findings {
  /** Rows that were too broken to become candidates at all. */
  readonly unreadable: number
  /** The first rejected rows, in the order of the input. */
  readonly rejections: ReadonlyArray<RejectedRow>
}

/** How many rejected rows are told one by one. */
export const mostRejections = 100

/** The table of candidates; two more positions order the rows that one procedure makes. */
export const candidateTable = `${stage}.candidate`

const rowColumns = [
  'procedure_id',
  'mrn',
  'accession_number',
  'project_name',
  'extract_timestamp',
  'study_date',
  'study_uid',
  'participant_id',
  'series_uid',
] as const

/** Columns of a candidate's texts, in the order of {@link rowOf}. */
export const rowColumnList = rowColumns.join(', ')

/** The order of the input. */
export const inputOrder = 'position, link_position, person_position'

/** Makes the empty table of candidates. */
export const createCandidates = async (connection: DuckDBConnection): Promise<void> => {
  await connection.run(
    `create table ${candidateTable} (position bigint, link_position bigint, person_position bigint, verdict varchar,
     project varchar, series_key varchar, ${rowColumns.map((column) => `${column} varchar`).join(', ')})`,
  )
}

/** Reads the texts of a candidate from a result row that starts with {@link rowColumnList}. */
export const rowOf = (values: ReadonlyArray<DuckDBValue>): CohortRow => {
  const [
    procedureId,
    mrn,
    accessionNumber,
    projectName,
    extractGeneratedTimestamp,
    studyDate,
    studyUid,
    participantId,
  ] = values as ReadonlyArray<string>
  return {
    procedureId: procedureId!,
    mrn: mrn!,
    accessionNumber: accessionNumber!,
    projectName: projectName!,
    extractGeneratedTimestamp: extractGeneratedTimestamp!,
    studyDate: studyDate!,
    studyUid: studyUid!,
    participantId: participantId!,
    seriesUid: values[8] as string,
  }
}

const valuesOf = ({ position, verdict, project, row }: Candidate): Array<DuckDBValue> => [
  BigInt(position),
  0n,
  0n,
  verdict,
  project,
  [...seriesUidsOf(row.seriesUid)].sort().join('\\'),
  row.procedureId,
  row.mrn,
  row.accessionNumber,
  row.projectName,
  row.extractGeneratedTimestamp,
  row.studyDate,
  row.studyUid,
  row.participantId,
  row.seriesUid,
]

const candidateTypes = [BIGINT, BIGINT, BIGINT, ...Array.from({ length: rowColumns.length + 3 }, () => VARCHAR)]
const chunkRows = 2048
/** The appender holds what is not flushed outside DuckDB's memory limit. */
const chunksPerFlush = 16

/** Appends candidates to the table, holding a few thousand at a time. */
export const appendCandidates = async (
  connection: DuckDBConnection,
  candidates: AsyncIterable<Candidate>,
): Promise<void> => {
  const appender = await connection.createAppender('candidate', 'main', stage)
  let rows: Array<Array<DuckDBValue>> = []
  let chunks = 0
  const append = (): void => {
    if (rows.length === 0) return
    const chunk = DuckDBDataChunk.create(candidateTypes, rows.length)
    chunk.setRows(rows)
    appender.appendDataChunk(chunk)
    rows = []
    chunks += 1
    if (chunks % chunksPerFlush === 0) appender.flushSync()
  }
  try {
    for await (const candidate of candidates) {
      rows.push(valuesOf(candidate))
      if (rows.length === chunkRows) append()
    }
    append()
  } finally {
    appender.closeSync()
  }
}

/** The single value of a query that gives one row of one column. */
export const readOne = async (connection: DuckDBConnection, sql: string): Promise<DuckDBValue> => {
  const rows = await (await connection.run(sql)).getRows()
  return rows[0]?.[0] ?? null
}

/** How many candidates have each verdict. */
export const countVerdicts = async (connection: DuckDBConnection): Promise<Readonly<Record<Verdict, number>>> => {
  const rows = await (
    await connection.run(`select verdict, count(*) from ${candidateTable} group by verdict`)
  ).getRows()
  const counts = Object.fromEntries(rows.map(([verdict, count]) => [verdict, Number(count)]))
  return { good: 0, unsure: 0, nameless: 0, rejected: 0, duplicate: 0, ...counts }
}
