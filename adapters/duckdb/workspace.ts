import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'

/** A DuckDB of its own, in memory, that spills to a temporary directory only it knows. */
export interface Workspace {
  readonly connection: DuckDBConnection
  /** A second connection, to write while a result of the first is being read. */
  readonly writer: DuckDBConnection
  /**
   * Makes files readable under plain names: DuckDB would take quotes, `*`, `[` and `scheme://` in the names of the
   * hospital's folders for something else, and its messages would repeat them. Called once; afterwards DuckDB reads
   * nothing but the folders of these files.
   */
  readonly admit: (files: ReadonlyArray<string>) => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

/** Sorting and joining beyond this goes to disk. */
const memoryLimit = '384MB'

/** A text as an SQL literal, for the few statements that take no parameter. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** The catalogue rows wait in, which compresses them. */
export const stage = 'stage'

const settle = async (connection: DuckDBConnection, settings: ReadonlyArray<string>): Promise<void> => {
  for (const setting of settings) await connection.run(setting)
}

/** Opens a workspace below `temporaryDirectory`, which must exist. */
export const openWorkspace = async (temporaryDirectory: string): Promise<Workspace> => {
  const directory = await realpath(await mkdtemp(join(temporaryDirectory, 'pixl-cohort-')))
  const removeDirectory = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    const spill = join(directory, 'spill')
    const inputs = join(directory, 'inputs')
    await mkdir(spill)
    await mkdir(inputs)
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: memoryLimit,
      temp_directory: spill,
      threads: '2',
      preserve_insertion_order: 'false',
      autoload_known_extensions: 'false',
      autoinstall_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_unsigned_extensions: 'false',
    })
    const connection = await instance.connect()
    const writer = await instance.connect()
    await settle(connection, [`set global timezone = 'UTC'`, `attach ':memory:' as ${stage} (compress)`])
    return {
      connection,
      writer,
      admit: async (files) => {
        const links = files.map((_, index) => join(inputs, `${index}.parquet`))
        const folders = new Set([inputs])
        for (const [index, file] of files.entries()) {
          const target = await realpath(file)
          folders.add(dirname(target))
          await symlink(target, links[index]!)
        }
        await settle(connection, [
          `set allowed_directories = [${[...folders].map(literal).join(', ')}]`,
          `set enable_external_access = false`,
          `set lock_configuration = true`,
        ])
        return links
      },
      close: async () => {
        connection.closeSync()
        writer.closeSync()
        instance.closeSync()
        await removeDirectory()
      },
    }
  } catch (caught) {
    await removeDirectory()
    throw caught
  }
}
