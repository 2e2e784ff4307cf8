import { expect } from 'chai'
import * as fc from 'fast-check'
import type { Knex } from 'knex'
import { migrate } from '../../../adapters/postgres/migrate.js'
import { grew } from '../../../adapters/postgres/moves.js'
import { openPglite } from '../../../adapters/postgres/pglite.js'
import { transitionTable } from '../../../domain/extract.js'
import { installClock, makeDatabaseSide, runHistory, searchPath } from '../../support/repository-model.js'
import type { Rewrite, Step } from '../../support/repository-model.js'
import { histories } from '../../support/repository-steps.js'
import type { PostgresServer } from '../../support/postgres.js'
import { openPool, postgresTitle, startPostgres } from '../../support/postgres.js'

/** How many histories, and which: more, and others, by `PIXL_MODEL_RUNS=1000 PIXL_MODEL_SEED=7`. */
const runs = Number(process.env['PIXL_MODEL_RUNS'] ?? 20)
const seed = Number(process.env['PIXL_MODEL_SEED'] ?? 20240101)
const longest = 150

const check = async (
  database: 'embedded' | 'server',
  numRuns: number,
  run: (steps: ReadonlyArray<Step>) => Promise<void>,
): Promise<void> => {
  const result = await fc.check(fc.asyncProperty(histories(database, longest), run), { seed, numRuns })
  if (!result.failed) return
  const { message } = result.errorInstance as Error
  throw new Error(`seed ${seed}, history ${result.numRuns}, ${result.numShrinks} times shrunk: ${message}`)
}

/** Replaces a part of every statement that has it, and notes that one had. */
const replacing =
  (part: string | RegExp, by: string) =>
  (found: () => void): Rewrite =>
  (sql) => {
    const changed = sql.replace(part, by)
    if (changed !== sql) found()
    return changed
  }

/** Statements broken on purpose, each by the loss of one rule. */
const broken: Readonly<Record<string, (found: () => void) => Rewrite>> = {
  'a renewal that does not look at the fence': replacing(
    /(set lease_until = [^]*?) and i\.fence = :fence and i\.lease_owner = :owner/,
    '$1',
  ),
  'any write that does not look at the owner': replacing(' and i.lease_owner = :owner', ''),
  'an export that passes over series asked for since': replacing(` and not ${grew}`, ''),
  'a claim under the fence of the one before': replacing('fence = i.fence + 1,\n        claims', 'claims'),
  'a claim that does not wait until a row is due': replacing(
    "i.state in ('requested', 'awaiting') and i.next_action_at <= clock_timestamp()",
    "i.state in ('requested', 'awaiting')",
  ),
  'a claim of an answer that is due that begins the work anew': replacing(
    "case when i.state = 'awaiting' then i.claimed_series else i.series end",
    'i.series',
  ),
  'claims by expiry that are not counted': replacing("case when i.state = 'claimed' then 1 else 0 end", '0'),
  'a lease that is expired one millisecond late': replacing(
    "i.state = 'claimed' and i.lease_until <= clock_timestamp()",
    "i.state = 'claimed' and i.lease_until < clock_timestamp()",
  ),
  'a publication leased twice': replacing(
    '(i.publishing_until is null or i.publishing_until <= clock_timestamp())',
    'true',
  ),
  'a stamp that does not look at the fence': replacing(' and i.fence = p.fence', ''),
  'an export that keeps deliveries nobody wants any more': replacing(
    /delete from pixl_pipeline\.image_delivery[^]*?\)\)/,
    'select 1',
  ),
  'a wait whose deadline moves with each check': replacing('coalesce(i.deadline_at, ', 'coalesce(null, '),
  'a retry that counts what is an outage': replacing('i.attempts + :more', 'i.attempts + 1'),
  'a reopened study whose deliveries count': replacing(
    /update pixl_pipeline\.image_delivery set state = 'pending'[^]*/,
    'select cast(:ids as text)',
  ),
  'a release without a line of history': replacing(
    /from changed i\)/,
    "from changed i where i.state <> 'requested' or :transition <> 'release')",
  ),
  'a selection that takes the rows of every project': replacing(
    /i\.state is not null and i\.extract_id in \(select[^)]*\)(?! and i\.mrn)/,
    'i.state is not null',
  ),
}

/** A claim that looks first and takes later: right until two look at once. */
const claimInTwoSteps = (knex: Knex): Knex => {
  const look =
    /select i\.image_id, i\.state, ([^]*?) from pixl_pipeline\.image i where ([^]*?) order by i\.image_id for update/
  const wrap = (inner: Knex): Knex =>
    ({
      transaction: (work: (trx: Knex) => Promise<unknown>) => work(wrap(inner)),
      raw: async (sql: string, bindings: Knex.ValueDict) => {
        const where = sql.includes('lease_owner = :owner') ? look.exec(sql)?.[2] : undefined
        if (where === undefined || bindings['transition'] !== 'claim') return inner.raw(sql, bindings)
        const { rows } = (await inner.raw(`select i.image_id from pixl_pipeline.image i where ${where}`, bindings)) as {
          rows: ReadonlyArray<{ image_id: number }>
        }
        const ids = rows.map(({ image_id }) => image_id)
        return inner.raw(sql.replace(where, `i.image_id in (${[0, ...ids].join(', ')})`), bindings)
      },
    }) as unknown as Knex
  return wrap(knex)
}

describe('SQL of the extract repository and the transitions of the domain', function () {
  this.timeout(60_000 + runs * 5000)
  let knex: Knex
  before(async () => {
    knex = await openPglite()
    await migrate(knex)
    await installClock(knex)
    await knex.raw(`set search_path to ${searchPath}`)
  })
  after(() => knex.destroy())

  it('agree after every step of generated histories, which take every transition', async () => {
    const taken = new Set<string>()
    await check('embedded', runs, async (steps) => {
      for (const { transition } of await runHistory(steps, await makeDatabaseSide(knex))) taken.add(transition)
    })
    const recorded = Object.keys(transitionTable).filter((name) => name !== 'merge')
    expect([...taken]).to.have.members([...recorded, 'deliver', 'name'])
  })

  /** The first disagreement that histories of a fixed seed show, not shrunk. */
  const disagreement = async (database: Knex, rewrite?: Rewrite): Promise<string | null> => {
    for (const steps of fc.sample(histories('embedded', longest), {
      seed: 0,
      numRuns: 30,
    })) {
      const message = await runHistory(steps, await makeDatabaseSide(database, rewrite)).then(
        () => null,
        (error: Error) => error.message,
      )
      if (message !== null) return message
    }
    return null
  }

  for (const [title, breakBy] of Object.entries(broken))
    it(`disagree over ${title}`, async () => {
      let applied = false
      const message = await disagreement(
        knex,
        breakBy(() => void (applied = true)),
      )
      expect(applied, 'a statement has that part').to.equal(true)
      expect(message).to.contain('differ after')
    })

  it('disagree over a claim that looks first and takes later', async () => {
    expect(await disagreement(claimInTwoSteps(knex))).to.contain('at once: claim')
  })
})

describe(postgresTitle('SQL on several connections and the transitions of the domain'), function () {
  this.timeout(60_000 + runs * 5000)
  let server: PostgresServer | undefined
  let knex: Knex | undefined
  before(async function () {
    server = await startPostgres(this)
    const connection = await server.createDatabase()
    const admin = openPool(connection, 1)
    await migrate(admin)
    await installClock(admin)
    await admin.raw(`alter database ?? set search_path to ${searchPath}`, [connection.database])
    await admin.destroy()
    knex = openPool(connection, 4)
  })
  after(async () => {
    await knex?.destroy()
    await server?.close()
  })

  it('agree after every step of generated histories', () =>
    check('server', Math.ceil(runs / 3), async (steps) => {
      await runHistory(steps, await makeDatabaseSide(knex!))
    }))
})
