import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { unavailable } from '../../domain/errors.js'
import { rateOf } from '../../domain/token-bucket.js'
import { fail, succeed, syntheticRequest } from '../contract/synthetic.js'
import type { TestApplication } from '../support/application.js'
import { checkRuns, primaryQueue, secondaryQueue, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1)

const startWith = async (count: number, options: Parameters<typeof startApplication>[0] = {}) => {
  const app = startApplication(options)
  for (const n of numbers(count)) app.addStudy(n)
  await app.record(...numbers(count).map((n) => syntheticRequest(n)))
  return app
}
const states = async (app: TestApplication) => (await app.rows()).map(({ state }) => state)
const never = () => false
const silent = () => undefined

describe('worker', () => {
  afterEach(checkRuns)

  it('does everything that is due, with both archives', async () => {
    const app = await startWith(20, { withSecondary: true })
    app.addStudy(21, { archive: 'secondary' })
    await app.record(syntheticRequest(21), syntheticRequest(22))
    const worker = await succeed(app.startWorker)
    await app.clock.advance(10_000)
    expect(await states(app)).to.deep.equal([...numbers(21).map(() => 'exported'), 'absent'])
    await app.whileTimePasses(worker.close())
  })

  it('has at most its number of studies in hand', async () => {
    let inHand = 0
    let most = 0
    const app = await startWith(10, {
      maxInFlight: 3,
      broken: ({ archive }, clock) => ({
        archive: {
          ...archive,
          retrieve:
            (...study) =>
            async () => {
              most = Math.max(most, ++inHand)
              await clock.sleepMs(5000)()
              inHand--
              return archive.retrieve(...study)()
            },
        },
      }),
    })
    const worker = await succeed(app.startWorker)
    await app.clock.advance(60_000)
    expect(most).to.equal(3)
    expect(new Set(await states(app))).to.deep.equal(new Set(['exported']))
    await app.whileTimePasses(worker.close())
  })

  it('finishes what is in hand and begins nothing when it is closed', async () => {
    const app = await startWith(6, { maxInFlight: 2 })
    app.archive.setDelay(app.clock.sleepMs(10_000))
    const worker = await succeed(app.startWorker)
    await app.clock.advance(2000)
    const { tookMs } = await app.whileTimePasses(worker.close())
    expect(tookMs).to.be.within(8000, 11_000)
    expect((await states(app)).sort()).to.deep.equal([
      ...numbers(2).map(() => 'exported'),
      ...numbers(4).map(() => 'requested'),
    ])
    await app.clock.advance(120_000)
    expect(app.archive.retrievals('primary')).to.equal(2)
    expect(app.eventsOf('StudyGivenBack')).to.deep.equal([])
  })

  it('begins nothing while a sweep under way keeps it from closing', async () => {
    let sweeping = false
    const app = await startWith(6, {
      maxInFlight: 1,
      broken: ({ extracts }, clock) => ({
        extracts: {
          ...extracts,
          expireAwaiting: (attempts) => async () => {
            if (sweeping) await clock.sleepMs(30_000)()
            return extracts.expireAwaiting(attempts)()
          },
        },
      }),
    })
    app.archive.setDelay(app.clock.sleepMs(1000))
    const worker = await succeed(app.startWorker)
    await app.clock.advance(600)
    sweeping = true
    await app.clock.advance(600)
    await app.whileTimePasses(worker.close())
    expect(app.eventsOf('StudyClaimed')).to.have.length(1)
  })

  it('can be closed while it waits for a token', async () => {
    const app = await startWith(1)
    await succeed(app.limiter.setRate('primary', { ratePerSecond: 1 / 25, capacity: 1, slots: 5 }))
    await succeed(app.limiter.consume('primary', 1, 1000))
    const worker = await succeed(app.startWorker)
    await app.clock.advance(2000)
    expect((await app.whileTimePasses(worker.close())).tookMs).to.be.at.most(1500)
    expect(await states(app)).to.deep.equal(['requested'])
  })

  it('renews nothing more once it is closed', async () => {
    let renewals = 0
    const app = await startWith(1, {
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          renew: (...claim) => TE.flatMap(() => extracts.renew(...claim))(TE.fromIO(() => void renewals++)),
        },
      }),
    })
    const worker = await succeed(app.startWorker)
    await app.clock.advance(5000)
    await app.whileTimePasses(worker.close())
    const before = renewals
    await app.clock.advance(600_000)
    expect(renewals).to.equal(before)
  })

  it('leaves no consumer behind when one of its queues cannot be consumed', async () => {
    const app = await startWith(1, {
      withSecondary: true,
      broken: ({ bus }) => ({
        bus: {
          ...bus,
          subscribe: (to, ...rest) =>
            to.queue === secondaryQueue ? TE.left(unavailable('MessageBus', {})) : bus.subscribe(to, ...rest),
        },
      }),
    })
    expect((await fail(app.startWorker))._tag).to.equal('Unavailable')
    await succeed(app.publishDue)
    await app.clock.advance(10_000)
    expect(await states(app)).to.deep.equal(['requested'])
    expect((await succeed(app.bus.depth(primaryQueue))).ready).to.equal(1)
  })

  it('goes on after the connection to the broker broke', async () => {
    const app = await startWith(8, { maxInFlight: 2 })
    app.archive.setDelay(app.clock.sleepMs(2000))
    const worker = await succeed(app.startWorker)
    for (let n = 0; n < 5; n++) {
      await app.clock.advance(1500)
      app.bus.dropConnection()
    }
    await app.clock.advance(200_000)
    expect(new Set(await states(app))).to.deep.equal(new Set(['exported']))
    expect(app.archive.retrievals('primary')).to.equal(8)
    await app.whileTimePasses(worker.close())
  })
})

describe('await-settled', () => {
  afterEach(checkRuns)

  it('is settled when nothing is left to do, whatever the endings', async () => {
    const app = await startWith(2)
    await app.record(syntheticRequest(9))
    const worker = await succeed(app.startWorker)
    const progress: Array<number> = []
    const { answer } = await app.whileTimePasses(
      succeed(app.awaitSettled(([counts]) => void progress.push(counts?.states.exported ?? 0), never)),
    )
    expect(answer._tag).to.equal('Settled')
    expect(answer.counts[0]?.states).to.include({ exported: 2, absent: 1 })
    expect([progress[0], progress[progress.length - 1]]).to.deep.equal([0, 2])
    await app.whileTimePasses(worker.close())
  })

  it('is settled at once when there is nothing to do', async () => {
    const app = startApplication()
    expect(await succeed(app.awaitSettled(silent, never))).to.deep.equal({ _tag: 'Settled', counts: [] })
  })

  it('stops when it is told to', async () => {
    const app = await startWith(1)
    let stopped = false
    const settled = succeed(app.awaitSettled(silent, () => stopped))
    await app.clock.advance(5000)
    stopped = true
    expect((await app.whileTimePasses(settled)).answer._tag).to.equal('Stopped')
  })

  it('waits for a retry however long that takes', async () => {
    const app = await startWith(1)
    app.folder.setMode('losing')
    const worker = await succeed(app.startWorker)
    const { answer } = await app.whileTimePasses(succeed(app.awaitSettled(silent, never)))
    expect(answer._tag).to.equal('Settled')
    expect(await states(app)).to.deep.equal(['failed'])
    await app.whileTimePasses(worker.close())
  })

  const obstacles: ReadonlyArray<readonly [string, (app: TestApplication) => Promise<unknown>, string]> = [
    ['a destination that refuses', async (app) => app.folder.setMode('refusing'), 'folder'],
    ['a pause', async (app) => succeed(app.limiter.setRate('primary', rateOf(0))), 'rate 0'],
  ]
  for (const [what, spoil, waitingFor] of obstacles) {
    it(`is stuck after a minute of ${what}, not before, and says what it waits for`, async () => {
      const app = await startWith(3)
      await spoil(app)
      const worker = await succeed(app.startWorker)
      const { answer, tookMs } = await app.whileTimePasses(succeed(app.awaitSettled(silent, never)))
      expect(answer).to.deep.include({ _tag: 'Stuck', waitingFor: [waitingFor] })
      expect(tookMs).to.be.within(60_000, 63_000)
      await app.whileTimePasses(worker.close())
    })
  }

  it('is not stuck once the obstacle is gone within the minute', async () => {
    const app = await startWith(1)
    await succeed(app.limiter.setRate('primary', rateOf(0)))
    const worker = await succeed(app.startWorker)
    const settled = succeed(app.awaitSettled(silent, never))
    await app.clock.advance(50_000)
    await succeed(app.limiter.setRate('primary', rateOf(Infinity)))
    expect((await app.whileTimePasses(settled)).answer._tag).to.equal('Settled')
    await app.whileTimePasses(worker.close())
  })

  it('is not stuck while a study is in hand, however long that takes', async () => {
    const app = await startWith(2)
    app.archive.setDelay(app.clock.sleepMs(300_000))
    const worker = await succeed(app.startWorker)
    await app.clock.advance(1000)
    await app.breakers.failed(
      'ftps' as never,
      { _tag: 'UploadRejected', study: null, reason: 'quota' },
      TE.right(undefined),
    )()
    expect(app.breakers.open()).to.deep.equal(['ftps'])
    expect((await app.whileTimePasses(succeed(app.awaitSettled(silent, never)))).answer._tag).to.equal('Settled')
    await app.whileTimePasses(worker.close())
  })

  it('fails when the rows cannot be counted', async () => {
    const app = startApplication({
      broken: ({ extracts }) => ({
        extracts: { ...extracts, countByState: TE.left(unavailable('ExtractRepository', {})) },
      }),
    })
    expect((await fail(app.awaitSettled(silent, never)))._tag).to.equal('Unavailable')
    expect(one.project).to.equal('project-one')
  })
})
