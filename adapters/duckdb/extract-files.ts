import { constants } from 'node:fs'
import { access, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { ExtractSummary } from '../../domain/cohort.js'
import { decode } from '../../domain/decode.js'
import type { InvalidInput, Unavailable } from '../../domain/errors.js'
import { causeOf, invalidInput } from '../../domain/errors.js'
import type { ProjectSlug } from '../../domain/identifiers.js'
import { projectSlug } from '../../domain/slug.js'
import { unreadable } from './operator-file.js'

/** The tables of an OMOP ES extract that name studies. */
export type TableName = 'PERSON_LINKS' | 'PROCEDURE_OCCURRENCE_LINKS' | 'PROCEDURE_OCCURRENCE'

/** Where a table may stand, relative to the extract: `public/` without `omop/` is the older layout. */
const folders: Readonly<Record<TableName, ReadonlyArray<string>>> = {
  PERSON_LINKS: ['private'],
  PROCEDURE_OCCURRENCE_LINKS: ['private'],
  PROCEDURE_OCCURRENCE: ['public/omop', 'public'],
}

/** The files of each table, in order and relative to the extract. At least one each. */
export type ExtractFiles = Readonly<Record<TableName, ReadonlyArray<string>>>

/** What the summary says about the whole extract. */
export interface ExtractIdentity {
  readonly project: ProjectSlug
  readonly projectName: string
  readonly generatedTimestamp: string
}

const summaryFile = 'extract_summary.json'
const mostSummaryBytes = 16 * 1024 * 1024

const isMissing = (caught: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(causeOf(caught).code ?? '')

const kindOf = async (path: string): Promise<'file' | 'directory' | 'other' | 'missing'> => {
  try {
    const found = await stat(path)
    return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
  } catch (caught) {
    if (isMissing(caught)) return 'missing'
    throw caught
  }
}

const summaryRemedy = 'take extract_summary.json from the extract as OMOP ES wrote it'

const parseSummary = (where: string, bytes: Uint8Array): E.Either<InvalidInput, ExtractIdentity> => {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return E.left(invalidInput(where, 'it is not JSON in UTF-8', summaryRemedy))
  }
  const summary = decode(ExtractSummary)(value)
  if (E.isLeft(summary)) return E.left(invalidInput(where, summary.left.problems.join(', '), summaryRemedy))
  const { settings, datetime } = summary.right
  const project = projectSlug(settings.cdm_source_name)
  if (E.isLeft(project))
    return E.left(
      invalidInput(where, 'settings.cdm_source_name: expected a project name with letters or digits', summaryRemedy),
    )
  return E.right({ project: project.right, projectName: settings.cdm_source_name, generatedTimestamp: datetime })
}

/** Reads which project an extract is for and when it was made. */
export const readSummary = async (source: string): Promise<E.Either<InvalidInput | Unavailable, ExtractIdentity>> => {
  const where = join(source, summaryFile)
  try {
    const { size } = await stat(where)
    if (size > mostSummaryBytes) return E.left(invalidInput(where, 'it is too large for a summary', summaryRemedy))
    return parseSummary(where, await readFile(where))
  } catch (caught) {
    return isMissing(caught)
      ? E.left(
          invalidInput(where, 'it does not exist', 'name the directory of an OMOP ES extract, which holds this file'),
        )
      : E.left(unreadable(where, caught))
  }
}

const byNumber = new Intl.Collator('en', { numeric: true })

const partsOf = async (directory: string): Promise<ReadonlyArray<string>> =>
  (await readdir(directory)).filter((name) => /^part-.*\.parquet$/.test(name)).sort(byNumber.compare)

/** The files of one table below one folder; empty when it is not there. */
const tableIn = async (
  source: string,
  folder: string,
  table: TableName,
): Promise<E.Either<InvalidInput | Unavailable, ReadonlyArray<string>>> => {
  const file = `${folder}/${table}.parquet`
  const directory = `${folder}/${table.toLowerCase()}`
  try {
    const hasFile = (await kindOf(join(source, file))) !== 'missing'
    const hasDirectory = (await kindOf(join(source, directory))) === 'directory'
    if (hasFile && hasDirectory)
      return E.left(
        invalidInput(
          join(source, folder),
          `it holds both ${table}.parquet and ${table.toLowerCase()}/`,
          'keep the one that belongs to this extract',
        ),
      )
    if (!hasDirectory) return E.right(hasFile ? [file] : [])
    const parts = await partsOf(join(source, directory))
    return parts.length > 0
      ? E.right(parts.map((part) => `${directory}/${part}`))
      : E.left(
          invalidInput(
            join(source, directory),
            'it holds no part-*.parquet',
            'copy the directory again from where the extract was made',
          ),
        )
  } catch (caught) {
    return E.left(unreadable(join(source, folder), caught))
  }
}

const checkReadable = async (where: string): Promise<InvalidInput | Unavailable | null> => {
  try {
    await access(where, constants.R_OK)
    return (await stat(where)).isFile()
      ? null
      : invalidInput(where, 'it is not a file', 'put the parquet file of the extract in its place')
  } catch (caught) {
    return unreadable(where, caught)
  }
}

const findTable = async (
  source: string,
  table: TableName,
): Promise<E.Either<InvalidInput | Unavailable, ReadonlyArray<string>>> => {
  for (const folder of folders[table]) {
    const found = await tableIn(source, folder, table)
    if (E.isLeft(found)) return found
    if (found.right.length === 0) continue
    for (const file of found.right) {
      const refused = await checkReadable(join(source, file))
      if (refused !== null) return E.left(refused)
    }
    return found
  }
  return E.left(
    invalidInput(
      join(source, folders[table][0]!, `${table}.parquet`),
      `it does not exist, nor does ${folders[table].map((folder) => `${folder}/${table.toLowerCase()}/`).join(' or ')}`,
      'copy the extract again from where it was made, with its private and public directories',
    ),
  )
}

/** Finds the parquet files of an extract in any of its layouts. */
export const findExtractFiles = async (source: string): Promise<E.Either<InvalidInput | Unavailable, ExtractFiles>> => {
  const found: Partial<Record<TableName, ReadonlyArray<string>>> = {}
  for (const table of ['PERSON_LINKS', 'PROCEDURE_OCCURRENCE_LINKS', 'PROCEDURE_OCCURRENCE'] as const) {
    const files = await findTable(source, table)
    if (E.isLeft(files)) return files
    found[table] = files.right
  }
  return E.right(found as ExtractFiles)
}
