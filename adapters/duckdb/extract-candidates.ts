import { listValue } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { CohortRow, RowProblem } from '../../domain/cohort.js'
import { rowProblemOf } from '../../domain/cohort.js'
import type { RejectedRow } from '../../ports/cohort-reader.js'
import { candidateTable, inputOrder, mostRejections, rowColumnList, rowOf } from './candidates.js'
import type { ColumnTypes, ExtractTables } from './extract-columns.js'
import { isInteger, scan } from './extract-columns.js'
import type { ExtractFiles, ExtractIdentity } from './extract-files.js'
import { stage } from './workspace.js'

/** What JavaScript's `trim` takes off, so that both sides agree on what a text is. */
const whiteSpace =
  '\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'

/** Rows of one file; a place in a table is its file's number times this, plus its row. */
const rowsPerFile = 2 ** 40

const place = `file_index::bigint * ${rowsPerFile} + file_row_number`

/** A column as trimmed text, '' when it is null. pandas turns whole numbers with gaps into floating point. */
const textOf = (column: string, types: ColumnTypes): string => {
  const type = types.get(column.toLowerCase())
  if (type === undefined) return `''`
  if (/^(DECIMAL|FLOAT|DOUBLE)/.test(type))
    return `coalesce(case when ${column} = trunc(${column}) then try_cast(${column} as hugeint)::varchar end,
                     nullif(${column}::varchar, 'nan'), '')`
  return `coalesce(trim(${column}::varchar, $white), '')`
}

const dateOf = (column: string, types: ColumnTypes): string =>
  types.get(column)!.startsWith('TIMESTAMP')
    ? `coalesce(${column}::date::varchar, '')`
    : `regexp_replace(${textOf(column, types)}, '^(\\d{4}-\\d{2}-\\d{2})[T ].*$', '\\1')`

/** Two columns as they can be compared: as they are when both are whole numbers, else as text. */
const comparable = (column: string, left: ColumnTypes, right: ColumnTypes): readonly [string, string] =>
  isInteger(left.get(column)) && isInteger(right.get(column))
    ? [column, column]
    : [`nullif(${textOf(column, left)}, '')`, `nullif(${textOf(column, right)}, '')`]

const uid = `(0|[1-9][0-9]*)(\\.(0|[1-9][0-9]*))*`

/** Rows of the plain kind are good without asking the domain; whatever is the least unusual is `unsure`. */
const verdict = `case
  when accession_number = '' and study_uid = '' then 'nameless'
  when accession_number <> '' and person_position is not null
   and regexp_full_match(accession_number, '[A-Za-z0-9._/+-]{1,64}')
   and regexp_full_match(mrn, '[A-Za-z0-9._/+-]{0,64}')
   and (study_uid = '' or length(study_uid) <= 64 and regexp_full_match(study_uid, '${uid}'))
   and regexp_full_match(study_date, '[1-9]\\d{3}-\\d{2}-\\d{2}') and try_cast(study_date as date) is not null
   and regexp_full_match(procedure_id, '\\d{1,15}')
  then 'good' else 'unsure' end`

const joinQuery = ({ PERSON_LINKS, PROCEDURE_OCCURRENCE, PROCEDURE_OCCURRENCE_LINKS }: ExtractTables): string => {
  const procedures = PROCEDURE_OCCURRENCE.types
  const people = PERSON_LINKS.types
  const links = PROCEDURE_OCCURRENCE_LINKS.types
  const [procedurePerson, person] = comparable('person_id', procedures, people)
  const [procedure, linkProcedure] = comparable('procedure_occurrence_id', procedures, links)
  return `insert into ${candidateTable}
    select position, link_position, person_position, ${verdict}, $project, '', procedure_id, coalesce(mrn, ''),
           accession_number, $projectName, $timestamp, study_date, study_uid, '', ''
    from (
      select ${place} as position, ${procedurePerson} as person_key, ${procedure} as procedure_key,
             ${textOf('procedure_occurrence_id', procedures)} as procedure_id,
             ${dateOf('procedure_date', procedures)} as study_date
      from ${scan.replace('$files', '$procedures')})
    join (
      select ${place} as link_position, ${linkProcedure} as procedure_key,
             ${textOf('AccessionNumber', links)} as accession_number, ${textOf('StudyUid_X', links)} as study_uid
      from ${scan.replace('$files', '$links')}) using (procedure_key)
    left join (
      select ${place} as person_position, ${person} as person_key, ${textOf('PrimaryMrn', people)} as mrn
      from ${scan.replace('$files', '$people')}) using (person_key)`
}

/** Joins the tables of an extract into candidates. */
export const joinExtract = async (
  connection: DuckDBConnection,
  tables: ExtractTables,
  identity: ExtractIdentity,
): Promise<void> => {
  await connection.run(joinQuery(tables), {
    procedures: listValue([...tables.PROCEDURE_OCCURRENCE.paths]),
    links: listValue([...tables.PROCEDURE_OCCURRENCE_LINKS.paths]),
    people: listValue([...tables.PERSON_LINKS.paths]),
    white: whiteSpace,
    project: identity.project,
    projectName: identity.projectName,
    timestamp: identity.generatedTimestamp,
  })
}

const columnNames: Readonly<Record<keyof CohortRow, string>> = {
  procedureId: 'procedure_occurrence_id',
  mrn: 'PrimaryMrn',
  accessionNumber: 'AccessionNumber',
  projectName: 'cdm_source_name',
  extractGeneratedTimestamp: 'datetime',
  studyDate: 'procedure_date',
  studyUid: 'StudyUid_X',
  participantId: 'participant_id',
  seriesUid: 'series_uid',
}

type Fault = Pick<RejectedRow, 'column' | 'problem'>

const faultOf = (row: CohortRow, hasPerson: boolean): Fault | null => {
  if (!hasPerson) return { column: 'person_id', problem: 'expected a person that PERSON_LINKS has' }
  if (row.accessionNumber === '') return { column: 'AccessionNumber', problem: 'expected an accession number' }
  const found = rowProblemOf(row) as RowProblem | null
  return found === null ? null : { column: columnNames[found.column], problem: found.problem }
}

/**
 * Lets the domain judge the candidates that are not plainly good. Two connections: what is found is written while the
 * rows are still being read.
 */
export const judgeUnsure = async (
  connection: DuckDBConnection,
  writer: DuckDBConnection,
  files: ExtractFiles,
): Promise<ReadonlyArray<RejectedRow>> => {
  const rejections: Array<RejectedRow> = []
  await writer.run(`create table ${stage}.refused (id bigint)`)
  const appender = await writer.createAppender('refused', 'main', stage)
  try {
    const result = await connection.stream(
      `select ${rowColumnList}, rowid, position, person_position from ${candidateTable} where verdict = 'unsure'
       order by ${inputOrder}`,
    )
    for await (const rows of result.yieldRows()) {
      for (const values of rows) {
        const [id, position, person] = values.slice(9) as [bigint, bigint, bigint | null]
        const fault = faultOf(rowOf(values), person !== null)
        if (fault === null) continue
        appender.appendBigInt(id)
        appender.endRow()
        if (rejections.length >= mostRejections) continue
        const file = files.PROCEDURE_OCCURRENCE[Number(position / BigInt(rowsPerFile))]!
        rejections.push({ file, line: Number(position % BigInt(rowsPerFile)) + 1, ...fault })
      }
      appender.flushSync()
    }
  } finally {
    appender.closeSync()
  }
  await connection.run(
    `update ${candidateTable} set verdict = case when rowid in (select id from ${stage}.refused) then 'rejected' else 'good' end
     where verdict = 'unsure'`,
  )
  return rejections
}
