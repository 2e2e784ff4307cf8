import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { PortName, UploadError } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import { known, SecretName } from '../../domain/identifiers.js'
import { ack } from '../../domain/routing.js'
import { rateOf } from '../../domain/token-bucket.js'
import { succeed, syntheticRequest } from '../contract/synthetic.js'
import type { ApplicationOptions, TestApplication } from '../support/application.js'
import { checkRuns, folder, ftps, makeGate, projectOf, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const refusedBy = (port: PortName, code = 'EIO') => unavailable(port, { name: 'Error', code })

const start = async (options: ApplicationOptions = {}): Promise<TestApplication> => {
  const app = startApplication(options)
  app.addStudy(1)
  await app.record(one)
  return app
}

/** Handles the message as often as the row is due, and tells the state after each time. */
const handleWhenDue = async (app: TestApplication, times: number): Promise<ReadonlyArray<string>> => {
  const states: Array<string> = []
  for (let n = 0; n < times; n++) {
    expect(await app.handle(one)).to.deep.equal(ack)
    const { state, attempts, nextActionAt } = await app.row()
    states.push(`${state} ${attempts}`)
    if (nextActionAt !== null) await app.clock.advance(nextActionAt.getTime() - app.clock.now().getTime())
  }
  return states
}

describe('process-request: outages', () => {
  afterEach(checkRuns)

  it('counts no attempt while the archive does not answer, and asks it no more after five times', async () => {
    const app = await start()
    app.archive.setOutage('primary', true)
    expect(new Set(await handleWhenDue(app, 8))).to.deep.equal(new Set(['requested 0']))
    expect(app.archive.retrievals('primary')).to.equal(5)
    expect(app.breakers.open()).to.deep.equal(['primary'])
    expect(app.eventsOf('BreakerMoved').map(({ target, to }) => [target, to])).to.deep.equal([['primary', 'open']])
    expect(app.eventsOf('StudyGivenBack').every(({ why }) => why === 'breaker')).to.equal(true)
    app.archive.setOutage('primary', false)
    await app.clock.advance(300_000)
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
    expect(app.breakers.open()).to.deep.equal([])
  })

  it('counts attempts against a study the archive stumbles over while it answers a probe', async () => {
    const app = await start({
      broken: ({ archive }) => ({ archive: { ...archive, retrieve: () => TE.left(refusedBy('ImageArchive')) } }),
      maxAttempts: 3,
    })
    expect(await handleWhenDue(app, 3)).to.deep.equal(['requested 1', 'requested 2', 'failed 2'])
    expect((await app.row()).reason).to.equal('RetriesExhausted')
    expect(app.breakers.open()).to.deep.equal([])
  })

  it('counts no attempt while a destination does not answer', async () => {
    const app = await start()
    app.folder.setMode('out')
    expect(new Set(await handleWhenDue(app, 8))).to.deep.equal(new Set(['requested 0']))
    expect(app.breakers.open()).to.deep.equal(['folder'])
    expect(app.archive.retrievals('primary')).to.equal(5)
  })

  for (const mode of ['refusing', 'full'] as const) {
    it(`stays away at once from a destination that is ${mode}, and goes on by itself once it is not`, async () => {
      const app = await start()
      app.folder.setMode(mode)
      expect(new Set(await handleWhenDue(app, 4))).to.deep.equal(new Set(['requested 0']))
      expect(app.breakers.open()).to.deep.equal(['folder'])
      expect(app.archive.retrievals('primary')).to.equal(1)
      app.folder.setMode('working')
      await app.clock.advance(300_000)
      await app.handle(one)
      expect((await app.row()).state).to.equal('exported')
    })
  }

  it('stays away from a destination whose secret may not be read', async () => {
    const denied: UploadError = { _tag: 'SecretAccessDenied', secret: known(SecretName, 'project-one--ftp--password') }
    const app = await start({
      uploaders: ({ folder: honest }) => ({
        folder: { ...honest, upload: () => TE.left(denied), probe: TE.left(denied) },
      }),
    })
    expect(new Set(await handleWhenDue(app, 4))).to.deep.equal(new Set(['requested 0']))
    expect(app.breakers.open()).to.deep.equal(['folder'])
  })

  it('asks no archive for a project whose salt may not be read, counts nothing, and serves the other projects', async () => {
    const app = await start()
    const other = syntheticRequest(1, { project: 'project-two' })
    app.catalogue.put(projectOf(other.project))
    app.secrets.forbid(known(SecretName, one.project))
    await app.record(other)
    for (let n = 0; n < 3; n++) expect(await app.handle(one)).to.deep.equal(ack)
    await app.handle(other)
    expect((await app.rows()).map(({ state, attempts }) => [state, attempts])).to.deep.equal([
      ['requested', 0],
      ['exported', 0],
    ])
    expect(app.archive.retrievals('primary')).to.equal(1)
    expect(app.breakers.open()).to.deep.equal(['secrets of project project-one'])
  })

  it('counts nothing while the project configurations cannot be read', async () => {
    const app = await start()
    app.catalogue.setAvailable(false)
    expect(new Set(await handleWhenDue(app, 8))).to.deep.equal(new Set(['requested 0']))
    expect(app.breakers.open()).to.deep.equal(['project configurations'])
    app.catalogue.setAvailable(true)
    await app.clock.advance(300_000)
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
  })

  it('counts nothing while the disk of the worker is full', async () => {
    let isFull = true
    const app = await start({
      broken: ({ deidentifier }) => ({
        deidentifier: {
          deidentify: (...study) =>
            isFull ? TE.left(refusedBy('Deidentifier', 'ENOSPC')) : deidentifier.deidentify(...study),
        },
      }),
    })
    expect(new Set(await handleWhenDue(app, 2))).to.deep.equal(new Set(['requested 0']))
    expect(app.breakers.open()).to.deep.equal(['spool'])
    isFull = false
    await app.clock.advance(300_000)
    await app.handle(one)
    expect((await app.row()).state).to.equal('exported')
  })

  const sharedPorts: ReadonlyArray<readonly [string, NonNullable<ApplicationOptions['broken']>]> = [
    ['RateLimiter', ({ limiter }) => ({ limiter: { ...limiter, consume: () => TE.left(refusedBy('RateLimiter')) } })],
    [
      'ExtractRepository',
      ({ extracts }) => ({ extracts: { ...extracts, recordNames: () => TE.left(refusedBy('ExtractRepository')) } }),
    ],
    [
      'ExtractRepository, asked before the study becomes visible',
      ({ extracts }) => ({ extracts: { ...extracts, renew: () => TE.left(refusedBy('ExtractRepository')) } }),
    ],
    [
      'ExtractRepository, told of a delivery',
      ({ extracts }) => ({ extracts: { ...extracts, recordDelivery: () => TE.left(refusedBy('ExtractRepository')) } }),
    ],
  ]
  for (const [port, broken] of sharedPorts) {
    it(`counts nothing when what all studies share does not answer: ${port}`, async () => {
      const app = await start({ broken })
      expect(new Set(await handleWhenDue(app, 4))).to.deep.equal(new Set(['requested 0']))
      expect(app.breakers.open()).to.deep.equal([])
    })
  }

  it('opens no breaker and counts once when one of two destinations refuses for good', async () => {
    const app = await start()
    app.catalogue.put(projectOf(one.project, [folder, ftps]))
    app.ftps.setMode('losing')
    expect(await handleWhenDue(app, 1)).to.deep.equal(['requested 1'])
    expect(app.breakers.open()).to.deep.equal([])
  })

  it('does not spin on an archive that is out for an hour', async () => {
    let probes = 0
    const app = await start({
      broken: ({ archive }) => ({
        archive: { ...archive, probe: (name) => TE.flatMap(() => archive.probe(name))(TE.fromIO(() => void probes++)) },
      }),
    })
    app.archive.setOutage('primary', true)
    const worker = await succeed(app.startWorker)
    await app.clock.advance(3600_000)
    expect(app.archive.retrievals('primary')).to.equal(5)
    expect(probes).to.be.lessThan(30)
    expect(app.eventsOf('StudyClaimed').length).to.be.lessThan(40)
    expect((await app.row()).attempts).to.equal(0)
    await app.whileTimePasses(worker.close())
  }).timeout(20_000)
})

describe('process-request: capacity', () => {
  afterEach(checkRuns)

  const used = async (app: TestApplication) => app.limiter.consume('primary', 1, 3600_000)()

  it('gives a study back while the rate is 0, and counts nothing', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', rateOf(0)))
    expect(await handleWhenDue(app, 3)).to.deep.equal(['requested 0', 'requested 0', 'requested 0'])
    expect(app.eventsOf('StudyGivenBack').map(({ why, afterMs }) => [why, afterMs])).to.deep.equal(
      Array.from({ length: 3 }, () => ['paused', 30_000]),
    )
  })

  it('waits for a token that comes within 30 s', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: 1 / 20, capacity: 1, slots: 5 }))
    await used(app)
    const { answer, tookMs } = await app.whileTimePasses(app.handle(one))
    expect(answer).to.deep.equal(ack)
    expect((await app.row()).state).to.equal('exported')
    expect(tookMs).to.be.within(19_000, 21_000)
  })

  it('gives a study back at once when no token can come within 30 s', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: 1 / 100, capacity: 1, slots: 5 }))
    await used(app)
    expect((await app.whileTimePasses(app.handle(one))).tookMs).to.be.at.most(1000)
    expect(await app.row()).to.include({ state: 'requested', attempts: 0 })
    expect(app.eventsOf('StudyGivenBack').map(({ why, afterMs }) => [why, afterMs])).to.deep.equal([
      ['capacity', 30_000],
    ])
  })

  it('waits for a slot, and gives the study back after 30 s without one', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
    await used(app)
    expect((await app.whileTimePasses(app.handle(one))).tookMs).to.be.within(29_000, 31_000)
    expect(await app.row()).to.include({ state: 'requested', attempts: 0 })
  })

  it('goes on as soon as a slot is free', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
    const taken = await succeed(app.limiter.consume('primary', 1, 3600_000))
    const handled = app.handle(one)
    await app.clock.advance(5000)
    if (taken._tag === 'Granted') await succeed(app.limiter.free(taken.slot))
    expect((await app.whileTimePasses(handled)).tookMs).to.be.at.most(1000)
    expect((await app.row()).state).to.equal('exported')
  })

  it('gives the study back at once when the worker is told to stop while it waits', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
    await used(app)
    const handled = app.handle(one)
    await app.clock.advance(3000)
    app.stop()
    expect((await app.whileTimePasses(handled)).tookMs).to.be.at.most(1000)
    expect(app.eventsOf('StudyGivenBack').map(({ why, afterMs }) => [why, afterMs])).to.deep.equal([['shutdown', 0]])
    expect(await app.row()).to.include({ state: 'requested', attempts: 0 })
  })

  const paths: ReadonlyArray<readonly [string, (app: TestApplication) => void]> = [
    ['exported', () => undefined],
    ['of a project that has none of it', (app) => app.addStudy(1, { modalities: [] })],
    ['damaged', (app) => app.addStudy(1, { problem: 'an instance is damaged' })],
    ['kept back by an outage', (app) => app.archive.setOutage('primary', true)],
    ['refused by the destination', (app) => app.folder.setMode('losing')],
    ['skipped', (app) => app.addStudy(1, { modalities: ['CT'] })],
  ]
  for (const [what, spoil] of paths) {
    it(`frees the slot of a study that is ${what}`, async () => {
      const app = await start()
      await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
      spoil(app)
      await app.handle(one)
      expect((await succeed(app.limiter.consume('primary', 1, 1000)))._tag).to.equal('Granted')
    })
  }

  it('holds the slot for no longer than the retrieval', async () => {
    const gate = makeGate()
    const app = await start({
      broken: ({ deidentifier }) => ({
        deidentifier: {
          deidentify:
            (...study) =>
            async () => {
              await gate.passed()
              return deidentifier.deidentify(...study)()
            },
        },
      }),
    })
    await succeed(app.limiter.setRate('primary', { ratePerSecond: Infinity, capacity: 1, slots: 1 }))
    const handled = app.handle(one)
    await app.clock.advance(0)
    expect((await succeed(app.limiter.consume('primary', 1, 1000)))._tag).to.equal('Granted')
    gate.open()
    await handled
  })

  it('takes no token for a study that cannot run now', async () => {
    const app = await start()
    await succeed(app.limiter.setRate('primary', { ratePerSecond: 1 / 1000, capacity: 1, slots: 5 }))
    app.folder.setMode('refusing')
    await app.handle(one)
    await app.clock.advance(1000_000)
    await app.handle(one)
    expect(app.eventsOf('StudyGivenBack').map(({ why }) => why)).to.deep.equal(['breaker'])
    expect((await succeed(app.limiter.consume('primary', 1, 1000)))._tag).to.equal('Granted')
  })
})
