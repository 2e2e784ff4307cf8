import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import type { Knex } from 'knex'
import knexModule from 'knex'
import PgliteClient from 'knex-pglite'
import { extract } from 'tar'

/** Knex prints failed statements, which would put values of rows on the console. */
const quiet = (): void => undefined
const silent = { warn: quiet, error: quiet, deprecate: quiet, debug: quiet }

/** PGlite on a data directory, or in memory without one, behind knex. One connection; closing knex closes it. */
export const openPglite = async (directory?: string): Promise<Knex> => {
  const pglite = directory === undefined ? new PGlite() : new PGlite(directory)
  await pglite.waitReady
  return knexModule.default({ client: PgliteClient, connection: () => ({ pglite }) as never, log: silent })
}

/** The packed data directory that `npm run build` leaves beside this file: a first start unpacks it instead of initdb. */
export const snapshotPath = fileURLToPath(new URL('./pglite-snapshot.tgz', import.meta.url))

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Major version of the server whose files a directory holds, '' when they do not say. */
const serverVersion = (directory: string): Promise<string> =>
  readFile(join(directory, 'PG_VERSION'), 'utf8').then(
    (text) => /^\d+$/.exec(text.trim())?.[0] ?? '',
    () => '',
  )

/**
 * Makes the data directory of an embedded database if there is none: the snapshot is unpacked beside and renamed, so
 * that a killed first start leaves nothing half-made. Without a snapshot PGlite makes one itself (slower).
 * `newer`: a PostgreSQL of another version wrote it; `damaged`: it does not say which.
 */
export const prepareDataDirectory = async (
  directory: string,
  snapshot = snapshotPath,
): Promise<'ready' | 'newer' | 'damaged'> => {
  const partial = `${directory}.partial`
  await rm(partial, { recursive: true, force: true })
  if (!(await exists(directory))) {
    await mkdir(partial, { recursive: true, mode: 0o700 })
    // Unless strict, files that find no room are left out in silence.
    if (await exists(snapshot)) await extract({ file: snapshot, cwd: partial, strict: true })
    else await (await openPglite(partial)).destroy()
    await rename(partial, directory)
  }
  const version = await serverVersion(directory)
  // PGlite would make a new database in there, over the files of the old one.
  if (version === '') return 'damaged'
  return version === pgliteMajor ? 'ready' : 'newer'
}

/** PostgreSQL major version of the PGlite this program is built with. */
const pgliteMajor = '18'
