import { join } from 'node:path'
import { listValue } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import * as E from 'fp-ts/lib/Either.js'
import type { InvalidInput } from '../../domain/errors.js'
import { invalidInput } from '../../domain/errors.js'
import type { ExtractFiles, TableName } from './extract-files.js'

type Use = 'key' | 'text' | 'date'

interface WantedColumn {
  readonly name: string
  readonly use: Use
  readonly optional?: true
}

const wanted: Readonly<Record<TableName, ReadonlyArray<WantedColumn>>> = {
  PERSON_LINKS: [
    { name: 'person_id', use: 'key' },
    { name: 'PrimaryMrn', use: 'text' },
  ],
  PROCEDURE_OCCURRENCE_LINKS: [
    { name: 'procedure_occurrence_id', use: 'key' },
    { name: 'AccessionNumber', use: 'text' },
    { name: 'StudyUid_X', use: 'text', optional: true },
  ],
  PROCEDURE_OCCURRENCE: [
    { name: 'procedure_occurrence_id', use: 'key' },
    { name: 'person_id', use: 'key' },
    { name: 'procedure_date', use: 'date' },
  ],
}

/** SQL types of the columns of a table, by lower-case name. */
export type ColumnTypes = ReadonlyMap<string, string>

/** A table of the extract as DuckDB sees it. */
export interface ExtractTable {
  /** Paths DuckDB may read, in the order of the files. */
  readonly paths: ReadonlyArray<string>
  readonly types: ColumnTypes
}

/** The tables of an extract, found to be usable. */
export type ExtractTables = Readonly<Record<TableName, ExtractTable>>

/** Reads parquet files by name, whatever order their columns have; strings may be written as plain bytes. */
export const scan = `read_parquet($files, union_by_name = true, hive_partitioning = false, binary_as_string = true)`

const isNumber = (type: string): boolean => /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL.*|FLOAT|DOUBLE)$/.test(type)
const isText = (type: string): boolean => /^(VARCHAR|UUID|ENUM.*|"NULL")$/.test(type)
const isDate = (type: string): boolean => /^(DATE|TIMESTAMP.*|VARCHAR|"NULL")$/.test(type)

/** Whether a column's values are whole numbers by their type. */
export const isInteger = (type: string | undefined): boolean => /^U?(TINY|SMALL|BIG)INT$|^U?INTEGER$/.test(type ?? '')

const fits = (use: Use, type: string): boolean => (use === 'date' ? isDate(type) : isNumber(type) || isText(type))

const describe = async (connection: DuckDBConnection, files: ReadonlyArray<string>): Promise<ColumnTypes> => {
  const result = await connection.run(`describe select * from ${scan}`, { files: listValue([...files]) })
  const rows = await result.getRows()
  return new Map(rows.map(([name, type]) => [String(name).toLowerCase(), String(type)]))
}

const damagedRemedy = 'copy the file again from where the extract was made'

/** A parquet file DuckDB cannot read. */
export const damaged = (where: string): InvalidInput =>
  invalidInput(where, 'it is no parquet file, or is damaged', damagedRemedy)

/** Names of columns as they may be shown: a file of another kind could hold anything. */
const listed = (types: ColumnTypes): string => {
  const names = [...types.keys()].filter((name) => /^[a-z_]\w{0,63}$/.test(name)).slice(0, 20)
  return names.length === 0 ? 'none' : names.join(', ')
}

const columnsProblem = (where: string, table: TableName, types: ColumnTypes): InvalidInput | null => {
  const missing = wanted[table].filter(({ name, optional }) => optional !== true && !types.has(name.toLowerCase()))
  if (missing.length > 0)
    return invalidInput(
      where,
      `column ${missing.map(({ name }) => name).join(' and column ')} is missing (there are: ${listed(types)})`,
      `put the ${table} table of an OMOP ES extract in its place`,
    )
  const wrong = wanted[table].find(({ name, use }) => {
    const type = types.get(name.toLowerCase())
    return type !== undefined && !fits(use, type)
  })
  return wrong === undefined
    ? null
    : invalidInput(
        where,
        `column ${wrong.name} has type ${types.get(wrong.name.toLowerCase())!.slice(0, 40)}, expected ${wrong.use === 'date' ? 'a date' : 'a number or text'}`,
        `put the ${table} table of an OMOP ES extract in its place`,
      )
}

const inspectTable = async (
  connection: DuckDBConnection,
  source: string,
  table: TableName,
  files: ReadonlyArray<string>,
  paths: ReadonlyArray<string>,
): Promise<E.Either<InvalidInput, ExtractTable>> => {
  for (const [index, path] of paths.entries()) {
    const where = join(source, files[index]!)
    let types: ColumnTypes
    try {
      types = await describe(connection, [path])
    } catch {
      return E.left(damaged(where))
    }
    const problem = columnsProblem(where, table, types)
    if (problem !== null) return E.left(problem)
  }
  const where = join(source, files[0]!)
  try {
    const types = await describe(connection, paths)
    const problem = columnsProblem(where, table, types)
    return problem === null ? E.right({ paths, types }) : E.left(problem)
  } catch {
    return E.left(
      invalidInput(
        where,
        'its columns and those of the other parts have types that do not fit together',
        damagedRemedy,
      ),
    )
  }
}

/** Checks every file of an extract: readable, with the columns wanted, of types that can be used. */
export const inspectExtract = async (
  connection: DuckDBConnection,
  source: string,
  files: ExtractFiles,
  pathOf: (file: string) => string,
): Promise<E.Either<InvalidInput, ExtractTables>> => {
  const tables: Partial<Record<TableName, ExtractTable>> = {}
  for (const table of Object.keys(files) as ReadonlyArray<TableName>) {
    const found = await inspectTable(connection, source, table, files[table], files[table].map(pathOf))
    if (E.isLeft(found)) return found
    tables[table] = found.right
  }
  return E.right(tables as ExtractTables)
}

/** Finds the file that keeps the tables from being read, by reading each alone; null when each is fine. */
export const findDamaged = async (
  connection: DuckDBConnection,
  source: string,
  files: ExtractFiles,
  pathOf: (file: string) => string,
): Promise<InvalidInput | null> => {
  for (const table of Object.keys(files) as ReadonlyArray<TableName>) {
    for (const file of files[table]) {
      try {
        const columns = [...(await describe(connection, [pathOf(file)])).keys()].filter((column) =>
          wanted[table].some(({ name }) => name.toLowerCase() === column),
        )
        const used = columns.map((column) => `"${column}"`).join(', ')
        // A hash needs every value; minimum and maximum would be answered from the statistics.
        await connection.run(`select bit_xor(hash(${used})) from ${scan}`, { files: listValue([pathOf(file)]) })
      } catch {
        return damaged(join(source, file))
      }
    }
  }
  return null
}
