import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '@duckdb/node-api'
import type { ProjectName } from './projects.js'
import { projectNames } from './projects.js'

/** A row of a cohort with the identifiers it names; '' where it gives none. */
export interface CohortRow {
  readonly project: ProjectName
  readonly procedureOccurrenceId: number
  readonly mrn: string
  readonly accessionNumber: string
  readonly studyInstanceUid: string
  readonly seriesInstanceUids: ReadonlyArray<string>
  readonly studyDate: string
  readonly participantId: string
}

/** The two ways an OMOP ES extract lays its tables out. */
export type ExtractLayout = 'batched' | 'single'

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const textOrNull = (text: string): string => (text === '' ? 'NULL' : quoted(text))

const copyTable = async (connection: DuckDBConnection, select: string, path: string): Promise<void> => {
  await connection.run(`COPY (${select}) TO ${quoted(path)} (FORMAT parquet, COMPRESSION zstd)`)
}

/** Writes a table as one file, or as a folder of two parts divided by the parity of its key. */
const writeTable = async (
  connection: DuckDBConnection,
  select: string,
  key: string,
  directory: string,
  name: string,
  layout: ExtractLayout,
): Promise<void> => {
  if (layout === 'single') {
    await mkdir(directory, { recursive: true })
    return copyTable(connection, select, join(directory, `${name}.parquet`))
  }
  const folder = join(directory, name.toLowerCase())
  await mkdir(folder, { recursive: true })
  for (const part of [0, 1])
    await copyTable(
      connection,
      `SELECT * FROM (${select}) WHERE ${key} % 2 = ${part}`,
      join(folder, `part-${part}.parquet`),
    )
}

const values = (rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  `(VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')})`

const writeTables = async (
  connection: DuckDBConnection,
  directory: string,
  rows: ReadonlyArray<CohortRow>,
  layout: ExtractLayout,
): Promise<void> => {
  const persons = new Map([...new Set(rows.map(({ mrn }) => mrn))].map((mrn, i) => [mrn, 5000 + i]))
  const people = values([...persons].map(([mrn, id]) => [id, quoted(mrn)]))
  const procedures = values(
    rows.map((row) => [row.procedureOccurrenceId, persons.get(row.mrn)!, `DATE ${quoted(row.studyDate)}`]),
  )
  const links = values(
    rows.map((row) => [
      row.procedureOccurrenceId,
      textOrNull(row.accessionNumber),
      `${textOrNull(row.studyInstanceUid)}::VARCHAR`,
    ]),
  )
  const [open, closed] = [join(directory, 'public', 'omop'), join(directory, 'private')]
  const table = (select: string, key: string, folder: string, name: string): Promise<void> =>
    writeTable(connection, select, key, folder, name, layout)
  await table(`SELECT * FROM ${people} AS t(person_id, "PrimaryMrn")`, 'person_id', closed, 'PERSON_LINKS')
  await table(
    `SELECT * FROM ${links} AS t(procedure_occurrence_id, "AccessionNumber", "StudyUid_X")`,
    'procedure_occurrence_id',
    closed,
    'PROCEDURE_OCCURRENCE_LINKS',
  )
  await table(
    `SELECT id::BIGINT AS procedure_occurrence_id, person::BIGINT AS person_id, 4056681 AS procedure_concept_id,
       day AS procedure_date, day::TIMESTAMP AS procedure_datetime, 32817 AS procedure_type_concept_id
     FROM ${procedures} AS t(id, person, day)`,
    'procedure_occurrence_id',
    open,
    'PROCEDURE_OCCURRENCE',
  )
  await table(
    `SELECT person_id, 8532 AS gender_concept_id, 0 AS race_concept_id FROM ${people} AS t(person_id, mrn)`,
    'person_id',
    open,
    'PERSON',
  )
}

/** Writes an OMOP ES extract of one project, generated at the given time (`2023-12-07 14:08:58`). */
export const writeExtract = async (
  directory: string,
  rows: ReadonlyArray<CohortRow>,
  layout: ExtractLayout,
  generatedAt: string,
): Promise<void> => {
  await mkdir(directory, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  try {
    const connection = await instance.connect()
    try {
      await writeTables(connection, directory, rows, layout)
    } finally {
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
  }
  const summary = {
    gaw_version: '0.0.1',
    datetime: generatedAt,
    settings: { cdm_source_name: projectNames[rows[0]!.project], site: 'SYNTHETIC' },
  }
  await writeFile(join(directory, 'extract_summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
}

const columns = [
  'procedure_id',
  'mrn',
  'accession_number',
  'project_name',
  'extract_generated_timestamp',
  'study_date',
  'study_uid',
  'participant_id',
  'series_uid',
]

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Writes the rows as a CSV file with a header, generated at the given time (`2023-12-07T14:08:58Z`). */
export const writeCsv = async (path: string, rows: ReadonlyArray<CohortRow>, generatedAt: string): Promise<void> => {
  const lines = rows.map((row) => [
    String(row.procedureOccurrenceId),
    row.mrn,
    row.accessionNumber,
    projectNames[row.project],
    generatedAt,
    row.studyDate,
    row.studyInstanceUid,
    row.participantId,
    row.seriesInstanceUids.join('\\'),
  ])
  await writeFile(path, [columns, ...lines].map((line) => `${line.map(csvField).join(',')}\r\n`).join(''))
}
