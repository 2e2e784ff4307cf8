import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { CohortRow } from '../../../domain/cohort.js'

/** Directories a test works in: one to place cohorts, one for the reader. */
export interface Places {
  readonly inputs: string
  readonly temporary: string
  /** What the reader has left in its temporary directory. */
  readonly left: () => Promise<ReadonlyArray<string>>
  readonly remove: () => Promise<void>
}

export const makePlaces = async (): Promise<Places> => {
  const directory = await mkdtemp(join(tmpdir(), 'pixl-cohort-test-'))
  const inputs = join(directory, 'inputs')
  const temporary = join(directory, 'temporary')
  await mkdir(inputs)
  await mkdir(temporary)
  return {
    inputs,
    temporary,
    left: () => readdir(temporary).catch(() => []),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Runs SQL in a DuckDB of its own. */
export const runSql = async (...statements: ReadonlyArray<string>): Promise<void> => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    for (const statement of statements) await connection.run(statement)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Writes files of a directory: SQL queries become parquet, other texts are written as they are. */
export const writeFiles = async (
  directory: string,
  files: Readonly<Record<string, string>>,
  options = '',
): Promise<void> => {
  const copies: Array<string> = []
  for (const [name, content] of Object.entries(files)) {
    const file = join(directory, name)
    await mkdir(dirname(file), { recursive: true })
    if (/^(select|with|from)\b/.test(content))
      copies.push(`copy (${content}) to ${quoted(file)} (format parquet${options})`)
    else await writeFile(file, content)
  }
  if (copies.length > 0) await runSql(...copies)
}

export const summaryText = (projectName = 'Test Extract - UCLH OMOP CDM', datetime = '2023-12-07 14:08:58'): string =>
  JSON.stringify({ settings: { cdm_source_name: projectName, site: 'ignored' }, datetime })

/** The smallest sound extract, in single files: one study. */
export const smallExtract: Readonly<Record<string, string>> = {
  'extract_summary.json': summaryText(),
  'private/PERSON_LINKS.parquet': `select 1 as person_id, 'MRN1' as "PrimaryMrn"`,
  'private/PROCEDURE_OCCURRENCE_LINKS.parquet': `select 10 as procedure_occurrence_id, 'ACC1' as "AccessionNumber", '1.2.3' as "StudyUid_X"`,
  'public/omop/PROCEDURE_OCCURRENCE.parquet': `select 10 as procedure_occurrence_id, 1 as person_id, date '2022-11-22' as procedure_date`,
}

const values = (rows: ReadonlyArray<ReadonlyArray<string>>, columns: string): string =>
  rows.length === 0
    ? `select * from (values (${columns
        .split(',')
        .map(() => `''`)
        .join(', ')})) t(${columns}) where false`
    : `select * from (values ${rows.map((row) => `(${row.map(quoted).join(', ')})`).join(', ')}) t(${columns})`

/** The files of an extract that says what the rows say: each row a person, a procedure and a link of its own. */
export const extractOf = (rows: ReadonlyArray<CohortRow>): Readonly<Record<string, string>> => ({
  'extract_summary.json': summaryText(rows[0]?.projectName, rows[0]?.extractGeneratedTimestamp),
  'private/PERSON_LINKS.parquet': values(
    rows.map((row, i) => [String(i), row.mrn]),
    'person_id, "PrimaryMrn"',
  ),
  'private/PROCEDURE_OCCURRENCE_LINKS.parquet': values(
    rows.map((row) => [row.procedureId, row.accessionNumber, row.studyUid]),
    'procedure_occurrence_id, "AccessionNumber", "StudyUid_X"',
  ),
  'public/omop/PROCEDURE_OCCURRENCE.parquet': values(
    rows.map((row, i) => [row.procedureId, String(i), row.studyDate]),
    'procedure_occurrence_id, person_id, procedure_date',
  ),
})

const csvColumns: ReadonlyArray<readonly [string, keyof CohortRow]> = [
  ['procedure_id', 'procedureId'],
  ['mrn', 'mrn'],
  ['accession_number', 'accessionNumber'],
  ['project_name', 'projectName'],
  ['extract_generated_timestamp', 'extractGeneratedTimestamp'],
  ['study_date', 'studyDate'],
  ['study_uid', 'studyUid'],
  ['participant_id', 'participantId'],
  ['series_uid', 'seriesUid'],
]

export const csvHeader = csvColumns.map(([name]) => name).join(',')

/** The rows as a CSV file; every second one quoted. */
export const csvOf = (rows: ReadonlyArray<CohortRow>): string =>
  [
    csvHeader,
    ...rows.map((row, i) =>
      csvColumns.map(([, key]) => (i % 2 === 0 ? row[key] : `"${row[key].replaceAll('"', '""')}"`)).join(','),
    ),
  ]
    .map((line) => `${line}\r\n`)
    .join('')
