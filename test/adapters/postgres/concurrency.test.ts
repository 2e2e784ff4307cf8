import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { Knex } from 'knex'
import { makePostgresExtractRepository } from '../../../adapters/postgres/extract-repository.js'
import { migrate } from '../../../adapters/postgres/migrate.js'
import { rowViolations } from '../../../domain/extract.js'
import { known, PseudoPatientId, PseudoStudyUid, StudyKey, WorkerId } from '../../../domain/identifiers.js'
import type { StudyRequest } from '../../../domain/study.js'
import type { ExtractRepository } from '../../../ports/extract-repository.js'
import { succeed, syntheticRequest } from '../../contract/synthetic.js'
import type { Connection, PostgresServer } from '../../support/postgres.js'
import { openPool, postgresTitle, startPostgres } from '../../support/postgres.js'

const leaseMs = 60_000
const requests = (from: number, to: number): NonEmptyArray<StudyRequest> =>
  Array.from({ length: to - from }, (_, n) => syntheticRequest(from + n)) as unknown as NonEmptyArray<StudyRequest>
const workerOf = (n: number): WorkerId => known(WorkerId, `worker-${n}`)

describe(postgresTitle('several processes on one PostgreSQL'), function () {
  this.timeout(60_000)
  let server: PostgresServer | undefined
  let connection: Connection
  let pools: ReadonlyArray<Knex> = []
  /** Repositories that share the database and nothing else. */
  let repositories: ReadonlyArray<ExtractRepository> = []

  before(async function () {
    server = await startPostgres(this)
  })
  after(() => server?.close())
  beforeEach(async () => {
    connection = await server!.createDatabase()
    pools = Array.from({ length: 10 }, () => openPool(connection, 2))
    repositories = pools.map(makePostgresExtractRepository)
    await migrate(pools[0]!)
  })
  afterEach(() => Promise.all(pools.map((pool) => pool.destroy())))

  const rows = async () => {
    const all = []
    for await (const image of repositories[0]!.images({})) all.push(image)
    return all
  }

  it('gives each of many studies to one of ten workers that ask for it at once', async () => {
    await succeed(repositories[0]!.recordRequests(requests(0, 20), 1, 'primary'))
    for (const request of requests(0, 20)) {
      const claims = await Promise.all(
        repositories.map((repository, n) => succeed(repository.claim(request, workerOf(n), leaseMs))),
      )
      expect(claims.map(({ _tag }) => _tag).sort()).to.deep.equal(['Claimed', ...Array<string>(9).fill('Leased')])
    }
  })

  it('lets one of ten workers take over an expired lease, and refuses the one that had it', async () => {
    await succeed(repositories[0]!.recordRequests(requests(0, 1), 1, 'primary'))
    const first = await succeed(repositories[0]!.claim(syntheticRequest(0), workerOf(0), 1))
    if (first._tag !== 'Claimed') throw new Error(first._tag)
    await pools[0]!.raw("update pixl_pipeline.image set lease_until = lease_until - interval '1 second'")
    const claims = await Promise.all(
      repositories.map((repository, n) => succeed(repository.claim(syntheticRequest(0), workerOf(n), leaseMs))),
    )
    expect(claims.filter(({ _tag }) => _tag === 'Claimed')).to.have.length(1)
    expect(await repositories[0]!.markAbsent(first.token)()).to.deep.equal(E.left({ _tag: 'StaleClaim' }))
    expect((await rows())[0]).to.include({ state: 'claimed', fence: 2 })
  })

  it('keeps one row per study when the same 2,000 requests are recorded twice at once', async () => {
    const wanted = requests(0, 2000)
    const recorded = await Promise.all(
      [repositories[0]!, repositories[1]!].map((repository) =>
        succeed(repository.recordRequests(wanted, 1, 'primary')),
      ),
    )
    expect(recorded.map(({ added }) => added).sort()).to.deep.equal([0, 2000])
    const all = await rows()
    expect(all).to.have.length(2000)
    expect(all.every(({ requests: asked }) => asked.length === 1)).to.equal(true)
  })

  it('leases every due row to one of several sweepers', async () => {
    await succeed(repositories[0]!.recordRequests(requests(0, 500), 1, 'primary'))
    const pages = await Promise.all(repositories.map((each) => succeed(each.leaseForPublication(100, 0))))
    const leased = pages.flat().map(({ imageId }) => imageId)
    expect(new Set(leased).size).to.equal(leased.length)
    expect(leased.length).to.be.at.least(100)
  })

  it('records, claims, sweeps, joins and moves at once without a deadlock, and the counts add up', async () => {
    const wanted = requests(0, 120)
    const backwards = [...wanted].reverse() as unknown as NonEmptyArray<StudyRequest>
    await succeed(repositories[0]!.recordRequests(wanted, 1, 'primary'))
    const round = (n: number): ReadonlyArray<Promise<E.Either<unknown, unknown>>> => {
      const [a, b, c, d, e, f, g, h] = repositories as ReadonlyArray<ExtractRepository> & { length: 10 }
      const extract = `2024-01-01T00:00:${String(n).padStart(2, '0')}+00:00`
      const again = backwards.map((request) => ({ ...request, extractGeneratedTimestamp: extract }))
      const work = async (repository: ExtractRepository, worker: number) => {
        for (let k = worker; k < wanted.length; k += 10) {
          const claim = await repository.claim(wanted[k]!, workerOf(worker), leaseMs)()
          if (E.isLeft(claim) || claim.right._tag !== 'Claimed') {
            if (E.isLeft(claim)) return claim
            continue
          }
          const { token } = claim.right
          // Every three studies turn out to be one.
          const key = known(
            StudyKey,
            Math.floor(k / 3)
              .toString(16)
              .padStart(64, '0'),
          )
          const names = {
            pseudoStudyUid: known(PseudoStudyUid, `2.25.${k}`),
            pseudoPatientId: known(PseudoPatientId, `p${k}`),
          }
          const named = await repository.recordNames(token, key, names)()
          if (E.isLeft(named) && named.left._tag !== 'StaleClaim') return named
          const ended = await repository.markAbsent(token)()
          if (E.isLeft(ended) && ended.left._tag !== 'StaleClaim') return ended
        }
        return E.right(undefined)
      }
      const sweep = async (repository: ExtractRepository): Promise<E.Either<unknown, unknown>> => {
        const leased = await repository.leaseForPublication(50, 0)()
        if (E.isLeft(leased)) return leased
        const stamped = await repository.stampPublished([...leased.right].reverse())()
        return E.isLeft(stamped) ? stamped : repository.forgetPublished('primary', 0)()
      }
      return [
        a!.recordRequests(again as unknown as NonEmptyArray<StudyRequest>, 1, 'primary')(),
        b!.recordRequests(wanted, 2, 'primary')(),
        work(c!, n % 10),
        work(d!, (n + 5) % 10),
        sweep(e!),
        sweep(f!),
        g!.move('hold', {})(),
        h!.move('resume', {})(),
        h!.move('replay', {})(),
      ]
    }
    for (let n = 0; n < 20; n++)
      for (const result of await Promise.all(round(n))) expect(result).to.include({ _tag: 'Right' })
    const [counts] = await succeed(repositories[0]!.countByState)
    expect(counts!.total).to.equal(120)
    expect(Object.values(counts!.states).reduce((a, b) => a + b)).to.equal(120)
    expect((await rows()).flatMap(rowViolations)).to.deep.equal([])
  })

  it('keeps instants to the millisecond in a session far from UTC', async () => {
    const { rows: zone } = (await pools[0]!.raw('show timezone')) as { rows: ReadonlyArray<object> }
    expect(zone).to.deep.equal([{ TimeZone: 'Asia/Kathmandu' }])
    await succeed(repositories[0]!.recordRequests([syntheticRequest(1)], 1, 'primary'))
    const at = '2024-03-31T01:30:00.123Z'
    const set = ['exported_at', 'published_at', 'next_action_at', 'lease_until'].map((column) => `${column} = :at`)
    await pools[0]!.raw(`update pixl_pipeline.image set ${set.join(', ')}`, { at })
    await pools[0]!.raw(
      `insert into pixl_pipeline.image_delivery (image_id, destination, state, remote_name, delivered_at)
       select image_id, 'folder', 'delivered', 'a', :at from pixl_pipeline.image`,
      { at },
    )
    const instants = async () => {
      const [image] = await rows()
      const { exportedAt, publishedAt, nextActionAt, leaseUntil, deliveries } = image!
      return [exportedAt, publishedAt, nextActionAt, leaseUntil, deliveries[0]!.deliveredAt].map((each) =>
        each?.toISOString(),
      )
    }
    expect(await instants()).to.deep.equal(Array(5).fill(at))
    // A merge writes the whole row back.
    await succeed(repositories[0]!.recordRequests([syntheticRequest(1, { procedure: 7 })], 1, 'primary'))
    expect(await instants()).to.deep.equal(Array(5).fill(at))
  })
})
