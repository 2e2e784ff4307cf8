import type { Knex } from 'knex'
import * as studies from './migrations/001-studies.js'

interface Migration {
  readonly name: string
  readonly up: (knex: Knex) => Promise<void>
}

/** In order; an entry never changes once released. */
const migrations: ReadonlyArray<Migration> = [{ name: '001-studies', ...studies }]

const source: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...migrations]),
  getMigrationName: ({ name }) => name,
  getMigration: ({ up }) => Promise.resolve({ up, down: () => Promise.resolve() }),
}

const schema = 'pixl_pipeline'
const table = 'pixl_core_migrations'

/**
 * Brings a database to the newest schema; `newer` when a later version of the program made it, and nothing is changed.
 *
 * Everything is one transaction, which one process has at a time: what is broken off leaves nothing, no lock of the
 * migrations either, and of several processes that start at once one does the work.
 */
export const migrate = (knex: Knex): Promise<'current' | 'newer'> =>
  knex.transaction(async (trx) => {
    await trx.raw("select pg_advisory_xact_lock(hashtextextended('pixl migrations', 0))")
    await trx.raw('create schema if not exists ??', [schema])
    const known = new Set(migrations.map(({ name }) => name))
    if (await trx.schema.withSchema(schema).hasTable(table)) {
      const done = (await trx.withSchema(schema).from(table).select('name')) as ReadonlyArray<{ name: string }>
      if (done.some(({ name }) => !known.has(name))) return 'newer'
    }
    await trx.migrate.latest({ migrationSource: source, schemaName: schema, tableName: table })
    return 'current'
  })
