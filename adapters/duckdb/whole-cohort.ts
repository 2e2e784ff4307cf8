import type { DuckDBConnection } from '@duckdb/node-api'
import { candidateTable, inputOrder, readOne } from './candidates.js'
import type { InvalidInput } from '../../domain/errors.js'
import { invalidInput } from '../../domain/errors.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import { stage } from './workspace.js'

/** The same as `hospitalNumberKey` of the domain. */
const hospitalNumberKey = (column: string): string => `lower(ltrim(${column}, '0'))`

/** How many lines of a conflict are named. */
const mostLines = 5

/** A participant who is named by a hospital number would leave under it. */
const participantNamedByMrn = async (connection: DuckDBConnection, source: string): Promise<InvalidInput | null> => {
  const line = await readOne(
    connection,
    `select min(position) from ${candidateTable} where participant_id <> '' and ${hospitalNumberKey('participant_id')} in
     (select ${hospitalNumberKey('mrn')} from ${candidateTable} where mrn <> '')`,
  )
  return line === null
    ? null
    : invalidInput(
        `${source}:${String(line)}`,
        'the participant_id of this row is the MRN of a patient of the cohort and would leave with the images',
        'give each patient a participant_id that is no hospital number, or leave the column empty to have one made',
      )
}

/** The first lines on which one value of a column meets several of another, within a project. */
const firstConflict = async (
  connection: DuckDBConnection,
  one: string,
  several: string,
  comparedAs: string,
): Promise<ReadonlyArray<string>> => {
  const lines = await readOne(
    connection,
    `select array_to_string(list_sort(list(line))[1:${mostLines}], ' ') from
       (select project, ${one} as one, ${comparedAs} as other, min(position) as line from ${candidateTable}
        where verdict = 'good' and ${one} <> '' and ${several} <> '' group by all)
     group by project, one having count(*) > 1 order by min(line) limit 1`,
  )
  return lines === null ? [] : String(lines).split(' ')
}

const listed = (lines: ReadonlyArray<string>): string => `lines ${lines.slice(0, -1).join(', ')} and ${lines.at(-1)}`

/** One pseudonym for two patients would merge them, two for one patient would split them. */
const participantsConfused = async (connection: DuckDBConnection, source: string): Promise<InvalidInput | null> => {
  const merged = await firstConflict(connection, 'participant_id', 'mrn', hospitalNumberKey('mrn'))
  if (merged.length > 0)
    return invalidInput(
      `${source}:${merged[0]}`,
      `one participant_id stands for different MRNs of a project (${listed(merged)})`,
      'give each patient a participant_id of their own',
    )
  const split = await firstConflict(connection, 'mrn', 'participant_id', 'participant_id')
  return split.length === 0
    ? null
    : invalidInput(
        `${source}:${split[0]}`,
        `one MRN has different participant_ids within a project (${listed(split)})`,
        'give each patient one participant_id',
      )
}

/** What is wrong with the participants of the cohort as a whole, if anything. */
export const participantsProblem = async (connection: DuckDBConnection, source: string): Promise<InvalidInput | null> =>
  (await participantNamedByMrn(connection, source)) ?? (await participantsConfused(connection, source))

/** What makes two rows one request. A study asked for with other series is another request. */
const identity = 'project, mrn, accession_number, study_uid, series_key'

/** Marks the good candidates that repeat an earlier one. Hashes first: few rows repeat, and a hash is short. */
export const markDuplicates = async (connection: DuckDBConnection): Promise<void> => {
  await connection.run(
    `create table ${stage}.repeated as
       select rowid as id from ${candidateTable}
       where verdict = 'good' and hash(${identity}) in
         (select hash(${identity}) from ${candidateTable} where verdict = 'good' group by all having count(*) > 1)
       qualify row_number() over (partition by ${identity} order by ${inputOrder}) > 1`,
  )
  await connection.run(
    `update ${candidateTable} set verdict = 'duplicate' where rowid in (select id from ${stage}.repeated)`,
  )
}

/** The projects of the good candidates, sorted. */
export const readProjects = async (connection: DuckDBConnection): Promise<ReadonlyArray<ProjectSlug>> => {
  const result = await connection.run(
    `select distinct project from ${candidateTable} where verdict = 'good' order by project`,
  )
  return (await result.getRows()).map(([project]) => known(ProjectSlug, project as string))
}

/** The good candidates in the order they are asked for. */
export const requestsQuery = (columns: string): string =>
  `select ${columns}, project from ${candidateTable} where verdict = 'good' order by project, study_date, ${inputOrder}`
