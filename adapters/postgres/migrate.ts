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

/** Brings a database to the newest schema; `newer` when a later version of the program made it, and nothing is changed. */
export const migrate = async (knex: Knex): Promise<'current' | 'newer'> => {
  await knex.raw('create schema if not exists ??', [schema])
  const known = new Set(migrations.map(({ name }) => name))
  if (await knex.schema.withSchema(schema).hasTable(table)) {
    const done = (await knex.withSchema(schema).from(table).select('name')) as ReadonlyArray<{ name: string }>
    if (done.some(({ name }) => !known.has(name))) return 'newer'
  }
  await knex.migrate.latest({ migrationSource: source, schemaName: schema, tableName: table })
  return 'current'
}
