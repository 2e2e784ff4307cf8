import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Priority } from '../../domain/identifiers.js'
import { known, WorkerId } from '../../domain/identifiers.js'
import type { StudyRequest } from '../../domain/study.js'
import { fail, succeed, syntheticRequest } from '../contract/synthetic.js'
import type { TestApplication } from '../support/application.js'
import { checkRuns, primaryQueue, secondaryQueue, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const hour = 3600_000

const recordAt = (app: TestApplication, priority: Priority, queue: string, ...requests: ReadonlyArray<StudyRequest>) =>
  succeed(app.extracts.recordRequests([requests[0]!, ...requests.slice(1)], priority, queue))
const ready = async (app: TestApplication, queue = primaryQueue) => (await succeed(app.bus.depth(queue))).ready
const sweepFor = async (app: TestApplication, ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 10_000) {
    await app.clock.advance(10_000)
    await app.sweep()
  }
}

describe('publish-due', () => {
  afterEach(checkRuns)

  it('publishes each due row once, and stamps it', async () => {
    const app = startApplication()
    await app.record(one, syntheticRequest(2))
    expect(await succeed(app.publishDue)).to.equal(2)
    expect((await app.rows()).map(({ publishedAt }) => publishedAt?.getTime())).to.deep.equal(
      [1, 2].map(() => app.clock.now().getTime()),
    )
    expect(await succeed(app.publishDue)).to.equal(0)
    expect(await ready(app)).to.equal(2)
  })

  it('publishes at the priority of the row, on its queue', async () => {
    const app = startApplication({ withSecondary: true })
    await recordAt(app, 2, primaryQueue, one)
    await recordAt(app, 5, secondaryQueue, syntheticRequest(2))
    await recordAt(app, 5, primaryQueue, syntheticRequest(3))
    expect(await succeed(app.publishDue)).to.equal(3)
    expect([await ready(app), await ready(app, secondaryQueue)]).to.deep.equal([2, 1])
    const seen: Array<number> = []
    await succeed(
      app.bus.subscribe(
        {
          queue: primaryQueue,
          codec: { encode: () => Buffer.alloc(0), decode: () => ({ _tag: 'Right', right: null }) },
        },
        ({ priority }) =>
          async () => {
            seen.push(priority)
            return { _tag: 'Ack' }
          },
        1,
      ),
    )
    await app.clock.advance(0)
    expect(seen).to.deep.equal([5, 2])
  })

  it('publishes more rows than fit on a page', async () => {
    const app = startApplication()
    await app.record(...Array.from({ length: 1201 }, (_, n) => syntheticRequest(n)))
    expect(await succeed(app.publishDue)).to.equal(1201)
    expect(await ready(app)).to.equal(1201)
  })

  it('stamps nothing before the broker has confirmed', async () => {
    const stampedAtPublish: Array<unknown> = []
    const app = startApplication({
      broken: ({ bus, extracts }) => ({
        bus: {
          ...bus,
          publish:
            (...what) =>
            async () => {
              for await (const { publishedAt, publishingUntil } of extracts.images({}))
                stampedAtPublish.push([publishedAt, publishingUntil !== null])
              return bus.publish(...what)()
            },
        },
      }),
    })
    await app.record(one)
    await succeed(app.publishDue)
    expect(stampedAtPublish).to.deep.equal([[null, true]])
  })

  it('leaves every row due when the broker does not confirm, whatever its queue and priority', async () => {
    const app = startApplication({ withSecondary: true })
    await recordAt(app, 1, primaryQueue, one)
    await recordAt(app, 5, secondaryQueue, syntheticRequest(2))
    await recordAt(app, 3, primaryQueue, syntheticRequest(3))
    app.bus.setReachable(false)
    expect((await fail(app.publishDue))._tag).to.equal('Unavailable')
    app.bus.setReachable(true)
    expect(await succeed(app.publishDue)).to.equal(3)
  })

  it('publishes again what was leased by a process that died', async () => {
    const app = startApplication()
    await app.record(one)
    await succeed(app.extracts.leaseForPublication(10, 0))
    expect(await succeed(app.publishDue)).to.equal(0)
    await app.clock.advance(120_001)
    expect(await succeed(app.publishDue)).to.equal(1)
  })
})

describe('sweep', () => {
  afterEach(checkRuns)

  it('publishes a retry when it is due, not before', async () => {
    const app = startApplication()
    app.addStudy(1)
    app.folder.setMode('losing')
    await app.record(one)
    await app.handle(one)
    await app.sweep()
    expect(await ready(app)).to.equal(0)
    await app.clock.advance(1000)
    await app.sweep()
    expect(await ready(app)).to.equal(1)
    expect(app.eventsOf('Swept')).to.deep.equal([{ _tag: 'Swept', published: 1, expired: 0, forgotten: 0 }])
  })

  it('publishes a row whose lease has expired', async () => {
    const app = startApplication()
    await app.record(one)
    await succeed(app.extracts.claim(one, known(WorkerId, 'dead'), 60_000))
    await app.sweep()
    expect(await ready(app)).to.equal(0)
    await app.clock.advance(60_001)
    await app.sweep()
    expect(await ready(app)).to.equal(1)
  })

  it('publishes lost messages again after the queue was empty for a minute, not before', async () => {
    const app = startApplication()
    await app.record(one)
    await app.sweep()
    app.bus.loseAllMessages()
    await sweepFor(app, 50_000)
    expect(await ready(app)).to.equal(0)
    await sweepFor(app, 10_000)
    expect(await ready(app)).to.equal(1)
    expect(app.eventsOf('Swept').map(({ forgotten }) => forgotten)).to.deep.equal([0, 1])
  })

  it('publishes nothing again while messages wait in the queue', async () => {
    const app = startApplication()
    await app.record(one)
    await app.sweep()
    await sweepFor(app, hour)
    expect(await ready(app)).to.equal(1)
  })

  it('publishes nothing again while a study of the queue is in hand', async () => {
    const app = startApplication()
    app.addStudy(1)
    await app.record(one, syntheticRequest(2))
    await app.sweep()
    app.bus.loseAllMessages()
    await succeed(app.extracts.claim(one, known(WorkerId, 'busy'), hour))
    await sweepFor(app, 300_000)
    expect(await ready(app)).to.equal(0)
  })

  it('publishes a message again after 24 hours whatever the queue says', async () => {
    const app = startApplication()
    await app.record(one)
    await app.sweep()
    await app.clock.advance(24 * hour - 1)
    await app.sweep()
    expect(await ready(app)).to.equal(1)
    await app.clock.advance(1)
    await app.sweep()
    expect(await ready(app)).to.equal(2)
  })

  it('ends waits whose deadline has passed', async () => {
    const app = startApplication()
    await app.record(one)
    const claim = await succeed(app.extracts.claim(one, known(WorkerId, 'worker-1'), 60_000))
    if (claim._tag === 'Claimed') await succeed(app.extracts.markAwaiting(claim.token, 1000, 60_000))
    await app.clock.advance(60_000)
    await app.sweep()
    expect(await app.row()).to.include({ state: 'requested', attempts: 1 })
    expect(await ready(app)).to.equal(1)
    expect(app.eventsOf('Swept')[0]).to.include({ expired: 1 })
  })

  it('brings an awaiting study back when its check is due', async () => {
    const app = startApplication()
    await app.record(one)
    const claim = await succeed(app.extracts.claim(one, known(WorkerId, 'worker-1'), 60_000))
    if (claim._tag === 'Claimed') await succeed(app.extracts.markAwaiting(claim.token, 60_000, hour))
    await app.sweep()
    expect(await ready(app)).to.equal(0)
    await app.clock.advance(60_000)
    await app.sweep()
    expect(await ready(app)).to.equal(1)
  })

  it('reports trouble of bus and rows, and goes on with the rest', async () => {
    const app = startApplication({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          expireAwaiting: () => TE.left({ _tag: 'Unavailable', port: 'ExtractRepository', cause: { name: 'Error' } }),
        },
      }),
    })
    await app.record(one)
    await app.sweep()
    expect(await ready(app)).to.equal(1)
    expect(app.eventsOf('PortFailed').map(({ during }) => during)).to.deep.equal(['sweep: end waits'])
    app.bus.setReachable(false)
    await app.record(syntheticRequest(2))
    await app.sweep()
    expect(app.eventsOf('PortFailed').map(({ during }) => during)).to.include('sweep: publish')
  })

  it('loses no study to a broker that loses everything, again and again', async () => {
    const app = startApplication({ maxInFlight: 2 })
    const numbers = Array.from({ length: 12 }, (_, n) => n + 1)
    for (const n of numbers) app.addStudy(n)
    await app.record(...numbers.map((n) => syntheticRequest(n)))
    app.archive.setDelay(app.clock.sleepMs(20_000))
    const worker = await succeed(app.startWorker)
    for (let round = 0; round < 40; round++) {
      await app.clock.advance(15_000)
      if (round < 15) app.bus.loseAllMessages()
    }
    expect((await app.rows()).map(({ state }) => state)).to.deep.equal(numbers.map(() => 'exported'))
    expect(app.delivered()).to.have.length(12)
    expect(app.archive.retrievals('primary')).to.equal(12)
    await app.whileTimePasses(worker.close())
  })
})
