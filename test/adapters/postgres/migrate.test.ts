import { expect } from 'chai'
import type { Knex } from 'knex'
import { makePostgresExtractRepository } from '../../../adapters/postgres/extract-repository.js'
import { migrate } from '../../../adapters/postgres/migrate.js'
import { openPglite } from '../../../adapters/postgres/pglite.js'
import { known, WorkerId } from '../../../domain/identifiers.js'
import { succeed, syntheticRequest } from '../../contract/synthetic.js'
import type { PostgresServer } from '../../support/postgres.js'
import { openPool, postgresTitle, startPostgres } from '../../support/postgres.js'

/** The database of an installation that runs the Python services, as they make it. */
const pythonTables = [
  'create schema pixl_pipeline',
  'create table pixl_pipeline.alembic_version (version_num varchar(32) primary key)',
  "insert into pixl_pipeline.alembic_version values ('bcaef54e2bfe')",
  'create table pixl_pipeline.extract (extract_id serial primary key, slug varchar not null)',
  `create table pixl_pipeline.image (
     image_id serial primary key, accession_number varchar not null, study_date date not null, mrn varchar not null,
     study_uid varchar, pseudo_study_uid varchar, pseudo_patient_id varchar(255), exported_at timestamptz,
     extract_id int not null references pixl_pipeline.extract)`,
  "insert into pixl_pipeline.extract (slug) values ('project-one'), ('project-two'), ('project-one')",
]

interface PythonRow {
  readonly n: number
  readonly extract: number
  readonly exportedAt?: string
  readonly pseudoStudyUid?: string
}
const exportedAt = '2024-02-03T04:05:06.789Z'
/** Study 1 thrice, exported in between; study 2 twice under two rows of one project; study 3 once, with names. */
const pythonRows: ReadonlyArray<PythonRow> = [
  { n: 1, extract: 1 },
  { n: 1, extract: 1, exportedAt, pseudoStudyUid: '2.25.11' },
  { n: 1, extract: 1 },
  { n: 2, extract: 1 },
  { n: 2, extract: 3 },
  { n: 3, extract: 2, exportedAt, pseudoStudyUid: '2.25.33' },
]

const fillAsPython = async (knex: Knex): Promise<void> => {
  for (const statement of pythonTables) await knex.raw(statement)
  for (const row of pythonRows) {
    const { mrn, accessionNumber, studyDate } = syntheticRequest(row.n)
    await knex
      .withSchema('pixl_pipeline')
      .table('image')
      .insert({
        mrn: mrn!.reveal(),
        accession_number: accessionNumber!.reveal(),
        study_date: studyDate,
        extract_id: row.extract,
        exported_at: row.exportedAt ?? null,
        pseudo_study_uid: row.pseudoStudyUid ?? null,
      })
  }
}

const select = async (knex: Knex, what: string): Promise<ReadonlyArray<Record<string, unknown>>> =>
  ((await knex.raw(`select ${what}`)) as { rows: ReadonlyArray<Record<string, unknown>> }).rows
const countOf = async (knex: Knex, table: string): Promise<number> =>
  Number((await select(knex, `count(*) as count from pixl_pipeline.${table}`))[0]!['count'])
const pythonColumns = `image_id, accession_number, to_char(study_date, 'YYYY-MM-DD') as study_date, mrn, study_uid,
  pseudo_study_uid, pseudo_patient_id, exported_at, extract_id from pixl_pipeline.image order by image_id`

/** `openEmpty` gives as many connections to one empty database as it is asked for. */
const facts = (openEmpty: (count: number) => Promise<ReadonlyArray<Knex>>): void => {
  let knex: Knex
  let others: ReadonlyArray<Knex>
  beforeEach(async () => {
    const [first, ...rest] = await openEmpty(5)
    knex = first!
    others = rest
  })

  it('does nothing the second time', async () => {
    expect(await migrate(knex)).to.equal('current')
    await succeed(makePostgresExtractRepository(knex).recordRequests([syntheticRequest(1)], 1, 'primary'))
    expect(await migrate(knex)).to.equal('current')
    expect(await countOf(knex, 'image')).to.equal(1)
  })

  it('is done once when several processes start at the same time', async () => {
    expect(await Promise.all([knex, ...others].map(migrate))).to.deep.equal(Array(5).fill('current'))
    expect(await countOf(knex, 'pixl_core_migrations')).to.equal(1)
  })

  it('leaves nothing when it is broken off, and can be done again', async () => {
    await knex.raw('create schema pixl_pipeline')
    // Our third table cannot be made while something else has its name.
    await knex.raw('create view pixl_pipeline.image_event as select 1 as one')
    const failed = await migrate(knex).then(
      () => false,
      () => true,
    )
    expect(failed).to.equal(true)
    expect(await select(knex, `to_regclass('pixl_pipeline.image') as image`)).to.deep.equal([{ image: null }])
    await knex.raw('drop view pixl_pipeline.image_event')
    expect(await migrate(knex)).to.equal('current')
  })

  it('refuses a database a newer version has made, and changes nothing', async () => {
    await migrate(knex)
    await knex.withSchema('pixl_pipeline').table('pixl_core_migrations').insert({ name: '999-later' })
    expect(await migrate(knex)).to.equal('newer')
    expect(await countOf(knex, 'pixl_core_migrations')).to.equal(2)
  })

  it('keeps every row, column and version of an installation of the Python services', async () => {
    await fillAsPython(knex)
    const before = await select(knex, pythonColumns)
    expect(await migrate(knex)).to.equal('current')
    expect(await select(knex, pythonColumns)).to.deep.equal(before)
    expect(await select(knex, '* from pixl_pipeline.alembic_version')).to.deep.equal([{ version_num: 'bcaef54e2bfe' }])
    expect(await select(knex, 'distinct state from pixl_pipeline.image')).to.deep.equal([{ state: null }])
    expect(await succeed(makePostgresExtractRepository(knex).countByState)).to.deep.equal([])
  })

  it('adopts of the duplicates of the Python services the exported one, else the oldest, and deletes none', async () => {
    await fillAsPython(knex)
    await migrate(knex)
    const repository = makePostgresExtractRepository(knex)
    const wanted = [syntheticRequest(1), syntheticRequest(2), syntheticRequest(3, { project: 'project-two' })] as const
    const recorded = { added: 0, known: 1, exported: 2, reopened: 0 }
    expect(await succeed(repository.recordRequests([...wanted], 1, 'primary'))).to.deep.equal(recorded)
    expect(await succeed(repository.recordRequests([...wanted], 1, 'primary'))).to.deep.equal(recorded)
    expect(
      await select(knex, 'image_id, state from pixl_pipeline.image where state is not null order by 1'),
    ).to.deep.equal([
      { image_id: 2, state: 'exported' },
      { image_id: 4, state: 'requested' },
      { image_id: 6, state: 'exported' },
    ])
    expect(await countOf(knex, 'image')).to.equal(pythonRows.length)
    expect(
      await select(knex, `exported_at, pseudo_study_uid from pixl_pipeline.image where image_id = 2`),
    ).to.deep.equal([{ exported_at: new Date(exportedAt), pseudo_study_uid: '2.25.11' }])
  })

  it('goes on working while the Python services write rows of the same studies', async () => {
    await fillAsPython(knex)
    await migrate(knex)
    const repository = makePostgresExtractRepository(knex)
    await succeed(repository.recordRequests([syntheticRequest(7)], 1, 'primary'))
    const values = 'accession_number, study_date, mrn, extract_id) select accession_number, study_date, mrn, extract_id'
    await knex.raw(`insert into pixl_pipeline.image (${values} from pixl_pipeline.image where state is not null`)
    const worker = known(WorkerId, 'worker')
    expect((await succeed(repository.claim(syntheticRequest(7), worker, 1000)))._tag).to.equal('Claimed')
    expect(await succeed(repository.recordRequests([syntheticRequest(7)], 1, 'primary'))).to.include({ known: 1 })
    expect((await succeed(repository.countByState))[0]).to.include({ total: 1 })
  })
}

describe('migration of PGlite', () => {
  let pglite: Knex
  before(async function () {
    this.timeout(60_000)
    pglite = await openPglite()
  })
  after(() => pglite.destroy())
  facts(async (count) => {
    await pglite.raw('drop schema if exists pixl_pipeline cascade')
    return Array(count).fill(pglite) as ReadonlyArray<Knex>
  })
})

describe(postgresTitle('migration of PostgreSQL'), () => {
  let server: PostgresServer | undefined
  let pools: ReadonlyArray<Knex> = []
  before(async function () {
    server = await startPostgres(this)
  })
  afterEach(() => Promise.all(pools.map((pool) => pool.destroy())))
  after(() => server?.close())
  facts(async (count) => {
    const connection = await server!.createDatabase()
    pools = Array.from({ length: count }, () => openPool(connection, 2))
    return pools
  })
})
