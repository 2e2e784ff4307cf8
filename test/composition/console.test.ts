import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { makePostgresExtractRepository } from '../../adapters/postgres/extract-repository.js'
import { migrate } from '../../adapters/postgres/migrate.js'
import { known, PseudoPatientId, PseudoStudyUid, StudyKey, WorkerId } from '../../domain/identifiers.js'
import { marker, succeed, syntheticRequest } from '../contract/synthetic.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import type { Connection, PostgresServer } from '../support/postgres.js'
import { openPool, postgresTitle, startPostgres } from '../support/postgres.js'

const bin = fileURLToPath(new URL('../../dist/composition/bin.js', import.meta.url))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

describe(postgresTitle('pixl on PostgreSQL'), function () {
  this.timeout(120_000)
  let server: PostgresServer | undefined
  let connection: Connection
  let knex: Knex
  let home: string

  before(async function () {
    if (!existsSync(bin)) throw new Error('build first: npm run build')
    home = await temporaryDirectory()
    server = await startPostgres(this)
    connection = await server.createDatabase()
    knex = openPool(connection, 2)
    await migrate(knex)
    const repository = makePostgresExtractRepository(knex)
    const requests = [syntheticRequest(1), syntheticRequest(2), syntheticRequest(3)] as const
    await succeed(repository.recordRequests([...requests], 1, 'imaging-primary'))
    const begin = async (n: number) => {
      const claim = await succeed(repository.claim(syntheticRequest(n), known(WorkerId, 'worker'), 60_000))
      if (claim._tag !== 'Claimed') throw new Error(claim._tag)
      return claim.token
    }
    const named = await begin(1)
    const names = { pseudoStudyUid: known(PseudoStudyUid, '2.25.1'), pseudoPatientId: known(PseudoPatientId, 'p1') }
    await succeed(repository.recordNames(named, known(StudyKey, '1'.repeat(64)), names))
    await succeed(repository.markFailed(named, 'UnreadableFile', 'UnreadableStudy'))
    await succeed(repository.markAbsent(await begin(2)))
  })
  after(async () => {
    if (server !== undefined) {
      await knex.destroy()
      await server.close()
    }
    await removeTemporaryDirectories()
  })

  const databaseOf = ({ host, port, user, password, database }: Connection): Record<string, string> => ({
    PIXL_DB_HOST: host,
    PIXL_DB_PORT: String(port),
    PIXL_DB_USER: user,
    PIXL_DB_PASSWORD: password,
    PIXL_DB_NAME: database,
  })
  const key = { PIXL_INSTALLATION_KEY: 'a key of this test' }
  /** Runs `pixl` with nothing else in its environment. */
  const pixl = (args: ReadonlyArray<string>, environment: Record<string, string>, input = ''): Promise<Ended> =>
    new Promise((done) => {
      const child = execFile(
        process.execPath,
        [bin, ...args],
        { env: environment, cwd: home, encoding: 'utf8' },
        (error, out, err) => done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
      )
      child.stdin!.end(input)
    })
  const ask = (...args: ReadonlyArray<string>): Promise<Ended> => pixl(args, { ...databaseOf(connection), ...key })

  it('tells the counts', async () => {
    const { code, out } = await ask('status', '--json')
    const { projects } = JSON.parse(out) as { projects: ReadonlyArray<object> }
    expect(code).to.equal(0)
    expect(projects[0]).to.include({ project: 'project-one', total: 3, failed: 1, absent: 1 })
  })

  it('explains a study by its pseudonym, and by an original identifier on standard input, naming nobody', async () => {
    const byName = await ask('explain', '2.25.1')
    expect(byName).to.include({ code: 0, err: '' })
    const byIdentifier = await pixl(['explain', '-'], { ...databaseOf(connection), ...key }, `${marker}-mrn-1\n`)
    expect(byIdentifier.out).to.equal(byName.out)
    expect(byName.out).to.contain('UnreadableFile').and.not.to.contain(marker)
  })

  it('audits the rows', async () => {
    const { code, out, err } = await ask('audit')
    expect({ code, err }).to.deep.equal({ code: 0, err: '' })
    expect(out).to.contain('3').and.not.to.contain(marker)
  })

  it('replays what has failed, and leaves it to the workers', async () => {
    expect((await ask('replay', '--only', 'failed')).out).to.contain('1 study is requested again')
    const { rows } = (await knex.raw(
      'select state, published_at, publishing_until from pixl_pipeline.image order by image_id limit 1',
    )) as { rows: ReadonlyArray<object> }
    expect(rows).to.deep.equal([{ state: 'requested', published_at: null, publishing_until: null }])
  })

  for (const [what, change, says] of [
    ['the password is wrong', { PIXL_DB_PASSWORD: 'ZZLEAK-wrong' }, 'password'],
    ['nothing listens there', { PIXL_DB_PORT: '1' }, 'nothing answers'],
    ['there is no such database', { PIXL_DB_NAME: 'nowhere' }, 'no such database'],
    ['there is no installation key', { PIXL_INSTALLATION_KEY: undefined }, 'pixl-installation-key'],
    ['the installation key is empty', { PIXL_INSTALLATION_KEY: ' ' }, 'installation key is empty'],
    ['a setting is no number', { PIXL_DB_PORT: 'ZZLEAK' }, 'PIXL_DB_PORT'],
  ] as ReadonlyArray<[string, Record<string, string | undefined>, string]>)
    it(`says in one sentence that ${what}`, async () => {
      const { code, out, err } = await pixl(['status'], {
        ...databaseOf(connection),
        ...key,
        ...change,
      } as Record<string, string>)
      expect({ code, out }).to.deep.equal({ code: 1, out: '' })
      expect(err).to.contain(says)
      expect(err.trim().split('\n')).to.have.length(1)
      for (const secret of [connection.password, 'ZZLEAK', key.PIXL_INSTALLATION_KEY])
        expect(err).not.to.contain(secret)
    })

  it('refuses a database a newer version has made', async () => {
    const other = await server!.createDatabase()
    const pool = openPool(other, 1)
    try {
      await migrate(pool)
      await pool.withSchema('pixl_pipeline').table('pixl_core_migrations').insert({ name: '999-later' })
    } finally {
      await pool.destroy()
    }
    const { code, err } = await pixl(['status'], { ...databaseOf(other), ...key })
    expect(code).to.equal(1)
    expect(err).to.contain('newer version')
  })
})
