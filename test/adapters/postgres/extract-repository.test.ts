import type { Knex } from 'knex'
import { makePostgresExtractRepository } from '../../../adapters/postgres/extract-repository.js'
import { migrate } from '../../../adapters/postgres/migrate.js'
import { openPglite } from '../../../adapters/postgres/pglite.js'
import { verifyContract } from '../../contract/contract.js'
import { extractRepositoryContract } from '../../contract/extract-repository.js'
import type { PostgresServer } from '../../support/postgres.js'
import { openPool, postgresTitle, startPostgres } from '../../support/postgres.js'
import { startHarness } from './harness.js'

/** Nothing listens on port 1. */
const openNowhere = (): Knex =>
  openPool({ host: '127.0.0.1', port: 1, user: 'nobody', password: 'none', database: 'none' })

describe('extract repository on PGlite', () => {
  let knex: Knex
  const nowhere = openNowhere()
  before(async function () {
    this.timeout(60_000)
    knex = await openPglite()
    await migrate(knex)
  })
  after(() => Promise.all([knex.destroy(), nowhere.destroy()]))

  verifyContract('PostgreSQL ExtractRepository (PGlite)', extractRepositoryContract, () =>
    startHarness(knex, makePostgresExtractRepository(nowhere)),
  )
})

describe(postgresTitle('extract repository on PostgreSQL'), () => {
  let server: PostgresServer | undefined
  let knex: Knex
  const nowhere = openNowhere()
  before(async function () {
    server = await startPostgres(this)
    knex = openPool(await server.createDatabase())
    await migrate(knex)
  })
  after(async () => {
    await nowhere.destroy()
    if (server === undefined) return
    await knex.destroy()
    await server.close()
  })

  verifyContract('PostgreSQL ExtractRepository', extractRepositoryContract, () =>
    startHarness(knex, makePostgresExtractRepository(nowhere)),
  )
})
