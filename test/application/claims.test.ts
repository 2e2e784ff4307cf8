import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import { known, WorkerId } from '../../domain/identifiers.js'
import { ack, requeue } from '../../domain/routing.js'
import type { Claim } from '../../ports/extract-repository.js'
import { succeed, syntheticRequest } from '../contract/synthetic.js'
import type { ApplicationOptions, TestApplication } from '../support/application.js'
import { checkRuns, folder, ftps, makeGate, projectOf, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const two = syntheticRequest(2)
const other = known(WorkerId, 'worker-2')

const start = async (options: ApplicationOptions = {}): Promise<TestApplication> => {
  const app = startApplication(options)
  app.addStudy(1)
  app.addStudy(2)
  await app.record(one)
  return app
}
const takeOver = async (app: TestApplication): Promise<Extract<Claim, { _tag: 'Claimed' }>> => {
  const claim = await succeed(app.extracts.claim(one, other, 60_000))
  if (claim._tag !== 'Claimed') throw new Error(`expected a claim, got ${claim._tag}`)
  return claim
}
const transitions = async (app: TestApplication) => (await app.history()).map(({ transition }) => transition)

/** The application with a gate just before an upload becomes visible. */
const startGated = async () => {
  const gate = makeGate()
  const app = await start({
    uploaders: ({ folder: honest, ftps: second }) => ({
      folder: {
        ...honest,
        upload: (study, fence, confirm) => honest.upload(study, fence, () => gate.passed().then(() => confirm())),
      },
      ftps: second,
    }),
  })
  return { app, gate }
}

describe('process-request: claims', () => {
  afterEach(checkRuns)

  it('records a message without a row first, and handles it like any other', async () => {
    const app = startApplication()
    app.addStudy(1)
    expect(await app.handle(one, 'imaging-primary', 4)).to.deep.equal(ack)
    expect(await app.row()).to.include({ state: 'exported', priority: 4 })
  })

  it('does the work once when a message comes twice at the same time', async () => {
    const app = startApplication()
    app.addStudy(1)
    expect(await Promise.all([app.handle(one), app.handle(one), app.handle(one)])).to.deep.equal([ack, ack, ack])
    expect((await app.row()).state).to.equal('exported')
    expect(app.archive.retrievals('primary')).to.equal(1)
    expect(app.eventsOf('StudyEnded')).to.have.length(1)
  })

  it('does nothing for a message of a study that has ended', async () => {
    const app = await start()
    await app.handle(one)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect(app.archive.retrievals('primary')).to.equal(1)
  })

  it('takes over a study another system has exported without asking the archive', async () => {
    const app = await start()
    await app.extracts.exportForeign(one, new Date('2023-01-01'))
    expect(await app.handle(one)).to.deep.equal(ack)
    expect((await app.row()).state).to.equal('exported')
    expect(app.archive.retrievals('primary')).to.equal(0)
  })

  it('keeps the claim for as long as the work takes', async () => {
    const { app, gate } = await startGated()
    const handled = app.handle(one)
    await app.clock.advance(600_000)
    expect((await succeed(app.extracts.claim(one, other, 60_000)))._tag).to.equal('Leased')
    expect(app.leases.inHand()).to.equal(1)
    gate.open()
    await handled
    expect((await app.row()).state).to.equal('exported')
    expect(app.leases.inHand()).to.equal(0)
  })

  it('makes nothing visible, and tries no other destination, once another worker has the study', async () => {
    const { app, gate } = await startGated()
    app.catalogue.put(projectOf(one.project, [folder, ftps]))
    await app.leases.close()
    const handled = app.handle(one)
    await app.clock.advance(60_001)
    const claim = await takeOver(app)
    gate.open()
    expect(await handled).to.deep.equal(ack)
    expect([app.delivered(), app.delivered('ftps')]).to.deep.equal([[], []])
    expect(app.eventsOf('ClaimLost')).to.have.length(1)
    expect(app.eventsOf('StudyEnded')).to.deep.equal([])
    expect(await app.row()).to.include({ state: 'claimed', leaseOwner: other, fence: claim.token.fence })
    expect(await transitions(app)).to.deep.equal(['request', 'claim', 'name', 'claim'])
    expect(app.store.all()).to.deep.equal([])
  })

  it('stops renewing a claim another worker has', async () => {
    let renewals = 0
    const gate = makeGate()
    const app = await start({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          renew: (...claim) => TE.flatMap(() => extracts.renew(...claim))(TE.fromIO(() => void renewals++)),
        },
      }),
    })
    app.archive.setDelay(gate.passed)
    const handled = app.handle(one)
    await app.clock.advance(60_000)
    expect(renewals).to.equal(3)
    await succeed(app.extracts.move('hold', {}))
    await app.clock.advance(600_000)
    expect(renewals).to.equal(4)
    gate.open()
    await handled
  })

  it('leaves a study alone that was put on hold while it was worked on', async () => {
    const { app, gate } = await startGated()
    const handled = app.handle(one)
    await app.clock.advance(0)
    await succeed(app.extracts.move('hold', {}))
    gate.open()
    expect(await handled).to.deep.equal(ack)
    expect((await app.row()).state).to.equal('held')
    expect(app.delivered()).to.deep.equal([])
    await succeed(app.extracts.move('resume', {}))
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
  })

  it('adopts the object of a worker that died before it recorded the delivery', async () => {
    let dies = true
    const app = await start({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          recordDelivery: (...delivery) =>
            dies ? () => new Promise(() => undefined) : extracts.recordDelivery(...delivery),
        },
      }),
    })
    void app.handle(one)
    await app.clock.advance(0)
    await app.leases.close()
    await app.clock.advance(60_001)
    dies = false
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
    expect(app.delivered()).to.have.length(1)
    expect(app.eventsOf('StudyDelivered').map(({ outcome }) => outcome)).to.deep.equal(['alreadyPresent'])
  })
})

describe('process-request: an unrecorded ending', () => {
  afterEach(checkRuns)

  const down: Unavailable = unavailable('ExtractRepository', { name: 'Error', code: 'ECONNREFUSED' })

  it('has the message come back when the study cannot be claimed', async () => {
    const app = startApplication({
      broken: ({ extracts }) => ({ extracts: { ...extracts, claim: () => TE.left(down) } }),
    })
    expect(await app.handle(one)).to.deep.equal(requeue(5000))
    expect(app.eventsOf('PortFailed')).to.have.length(1)
  })

  it('has the message come back when a message without a row cannot be recorded', async () => {
    const app = startApplication({
      broken: ({ extracts }) => ({ extracts: { ...extracts, recordRequests: () => TE.left(down) } }),
    })
    expect(await app.handle(one)).to.deep.equal(requeue(5000))
    expect(await app.rows()).to.deep.equal([])
  })

  it('never acknowledges a failure it could not record, and the study is done later', async () => {
    let isDown = false
    const app = await start({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          markAbsent: (token) => (isDown ? TE.left(down) : extracts.markAbsent(token)),
          markExported: (...args) => (isDown ? TE.left(down) : extracts.markExported(...args)),
          scheduleRetry: (...args) => (isDown ? TE.left(down) : extracts.scheduleRetry(...args)),
        },
      }),
    })
    isDown = true
    expect(await app.handle(one)).to.deep.equal(requeue(5000))
    isDown = false
    expect(await app.handle(one)).to.deep.equal(ack)
    expect((await app.row()).state).to.equal('claimed')
    await app.clock.advance(60_001)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect((await app.row()).state).to.equal('exported')
    expect(app.delivered()).to.have.length(1)
  })

  it('acknowledges a message only after its ending is recorded', async () => {
    const steps: Array<string> = []
    const app = await start({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          markAbsent: (token) => TE.map(() => void steps.push('recorded'))(extracts.markAbsent(token)),
        },
      }),
    })
    app.addStudy(1, { mrn: 'nobody' })
    await app.handle(one).then(() => steps.push('acknowledged'))
    expect(steps).to.deep.equal(['recorded', 'acknowledged'])
  })
})

describe('process-request: crashes', () => {
  afterEach(checkRuns)

  const boom = (): never => {
    throw Object.assign(new TypeError('ZZLEAK in a message'), { code: 'BUG' })
  }
  const crashes: ReadonlyArray<readonly [string, ApplicationOptions]> = [
    ['archive', { broken: ({ archive }) => ({ archive: { ...archive, retrieve: () => async () => boom() } }) }],
    ['de-identifier', { broken: () => ({ deidentifier: { deidentify: boom } }) }],
    ['source', { broken: ({ imageSource }) => ({ imageSource: { ...imageSource, describe: boom } }) }],
    ['uploader', { uploaders: ({ folder: honest }) => ({ folder: { ...honest, upload: () => async () => boom() } }) }],
    ['catalogue', { broken: ({ catalogue }) => ({ catalogue: { ...catalogue, find: boom } }) }],
  ]
  for (const [what, options] of crashes) {
    it(`reports a crash of the ${what}, counts it, and frees what was taken`, async () => {
      const app = await start(options)
      await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
      expect(await app.handle(one)).to.deep.equal(ack)
      expect(await app.row()).to.include({ state: 'requested', attempts: 1 })
      expect(app.eventsOf('HandlerCrashed').map(({ cause }) => cause)).to.deep.equal([
        { name: 'TypeError', code: 'BUG' },
      ])
      expect((await succeed(app.limiter.consume('primary', 1, 1000)))._tag).to.equal('Granted')
      expect(app.store.all()).to.deep.equal([])
      expect(app.leases.inHand()).to.equal(0)
    })
  }

  it('gives up a study at which an adapter crashes every time', async () => {
    const app = await start({ ...crashes[1]![1], maxAttempts: 2 })
    await app.handle(one)
    await app.clock.advance(60_000)
    await app.handle(one)
    expect(await app.row()).to.include({ state: 'failed', reason: 'RetriesExhausted' })
  })
})

describe('process-request: studies whose workers died', () => {
  afterEach(checkRuns)

  const die = async (app: TestApplication, request: typeof one, times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      await app.extracts.claim(request, other, 60_000)()
      await app.clock.advance(60_001)
    }
  }

  it('runs such a study alone after three expired claims: a second is given back and done later', async () => {
    const { app, gate } = await startGated()
    await app.record(two)
    await die(app, one, 3)
    await die(app, two, 4)
    const first = app.handle(one)
    await app.clock.advance(0)
    expect(await app.handle(two)).to.deep.equal(ack)
    expect((await app.rows()).map(({ state, attempts }) => [state, attempts])).to.deep.equal([
      ['claimed', 0],
      ['requested', 0],
    ])
    expect(app.eventsOf('StudyGivenBack').map(({ why }) => why)).to.deep.equal(['alone'])
    gate.open()
    await first
    await app.clock.advance(60_000)
    await app.handle(two)
    expect((await app.rows()).map(({ state }) => state)).to.deep.equal(['exported', 'exported'])
  })

  it('runs studies beside one that is run alone', async () => {
    const { app, gate } = await startGated()
    await app.record(two)
    await die(app, one, 4)
    const first = app.handle(one)
    const second = app.handle(two)
    await app.clock.advance(0)
    expect(app.leases.inHand()).to.equal(2)
    gate.open()
    await Promise.all([first, second])
  })

  it('gives up a study after ten claims that expired', async () => {
    const app = await start()
    await die(app, one, 10)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect(await app.row()).to.include({ state: 'failed', reason: 'WorkerLost' })
    expect(app.archive.retrievals('primary')).to.equal(0)
    expect(E.isRight(await app.replay({})())).to.equal(true)
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
  })
})
