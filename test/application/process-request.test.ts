import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import { ack } from '../../domain/routing.js'
import type { ImageUploader } from '../../ports/image-uploader.js'
import { succeed, syntheticRequest } from '../contract/synthetic.js'
import type { TestApplication } from '../support/application.js'
import {
  checkRuns,
  elsewhere,
  folder,
  makeGate,
  originalSeries,
  originalUid,
  projectOf,
  secondaryQueue,
  startApplication,
} from '../support/application.js'

const one = syntheticRequest(1)
const project = one.project

const stateOf = async (app: TestApplication) => {
  const { state, reason, attempts } = await app.row()
  return { state, reason, attempts }
}

const refusing = (uploader: ImageUploader, reason: 'invalid' | 'conflict'): ImageUploader => ({
  ...uploader,
  upload: ({ pseudoStudyUid }) => TE.left({ _tag: 'UploadRejected', study: pseudoStudyUid, reason }),
})

describe('process-request: endings', () => {
  afterEach(checkRuns)

  it('exports a study and acknowledges its message', async () => {
    const app = startApplication()
    app.addStudy(1)
    await app.record(one)
    expect(await app.handle(one)).to.deep.equal(ack)
    const row = await app.row()
    expect(await stateOf(app)).to.deep.equal({ state: 'exported', reason: null, attempts: 0 })
    expect(app.delivered()).to.deep.equal([`${project}/${row.pseudoStudyUid}.zip`])
    expect(row.deliveries.map(({ destination, state }) => [destination, state])).to.deep.equal([
      ['folder', 'delivered'],
    ])
    expect(app.store.all()).to.deep.equal([])
    expect((await app.history()).map(({ transition }) => transition)).to.deep.equal([
      'request',
      'claim',
      'name',
      'deliver',
      'export',
    ])
  })

  it('names a study by its pseudonym as soon as it has one, and by a correlation id before', async () => {
    const app = startApplication()
    app.addStudy(1)
    await app.record(one)
    await app.handle(one)
    const { pseudoStudyUid } = await app.row()
    expect(app.eventsOf('StudyClaimed')[0]?.study).to.match(/^[0-9a-f]{16}$/)
    expect(app.eventsOf('StudyEnded').map(({ study, state }) => [study, state])).to.deep.equal([
      [pseudoStudyUid, 'exported'],
    ])
  })

  it('names a study that is retried after it got its pseudonym by the pseudonym', async () => {
    const app = startApplication()
    app.addStudy(1)
    app.folder.setMode('losing')
    await app.record(one)
    await app.handle(one)
    expect(app.eventsOf('StudyRetried')[0]?.study).to.equal((await app.row()).pseudoStudyUid)
  })

  it('skips a study of which nothing may leave, with its most frequent reason and the counts', async () => {
    const app = startApplication()
    app.addStudy(1, { modalities: ['CT', 'CT', 'MR'] })
    const config = projectOf(project).config
    app.catalogue.put({ ...projectOf(project), config: { ...config, seriesFilters: ['head'] } })
    await app.record(one)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect(await stateOf(app)).to.deep.equal({ state: 'skipped', reason: 'ModalityNotRetained', attempts: 0 })
    const history = await app.history()
    expect(history[history.length - 1]?.detail.leftOut).to.deep.equal({ ModalityNotRetained: 2, SeriesFiltered: 1 })
    expect(app.delivered()).to.deep.equal([])
  })

  it('says what was left out of a study that is exported', async () => {
    const app = startApplication()
    app.addStudy(1, { modalities: ['CT', 'MR'] })
    await app.record(one)
    await app.handle(one)
    expect(app.eventsOf('InstancesLeftOut').map(({ leftOut }) => leftOut)).to.deep.equal([{ ModalityNotRetained: 1 }])
    expect((await stateOf(app)).state).to.equal('exported')
    const delivery = (await app.history()).find(({ transition }) => transition === 'deliver')
    expect(delivery?.detail.leftOut).to.deep.equal({ ModalityNotRetained: 1 })
  })

  it('skips a study of a project without destination, and asks no archive for it', async () => {
    const app = startApplication()
    app.addStudy(1)
    app.catalogue.put(projectOf(project, []))
    await app.record(one)
    await app.handle(one)
    expect(await stateOf(app)).to.deep.equal({ state: 'skipped', reason: 'NoDestination', attempts: 0 })
    expect(app.archive.retrievals('primary')).to.equal(0)
  })

  const failures: ReadonlyArray<readonly [string, (app: TestApplication) => void, string]> = [
    ['damaged in the archive', (app) => app.addStudy(1, { problem: 'an instance is damaged' }), 'UnreadableFile'],
    [
      'found twice',
      (app) => {
        app.addStudy(1)
        app.addStudy(2, { request: 1 })
      },
      'SeveralMatches',
    ],
    [
      'of a project with a wrong configuration',
      (app) =>
        app.catalogue.putWrong(project, {
          _tag: 'InvalidInput',
          where: 'project-one.yaml:3',
          what: 'is wrong',
          remedy: 'correct it',
        }),
      'InvalidRequest',
    ],
    [
      'whose destination has no uploader',
      (app) => app.catalogue.put(projectOf(project, [folder, elsewhere])),
      'InvalidRequest',
    ],
  ]
  for (const [what, spoil, reason] of failures) {
    it(`fails a study ${what} as ${reason}, at once`, async () => {
      const app = startApplication()
      spoil(app)
      await app.record(one)
      expect(await app.handle(one)).to.deep.equal(ack)
      expect(await stateOf(app)).to.deep.equal({ state: 'failed', reason, attempts: 0 })
      expect(app.delivered()).to.deep.equal([])
    })
  }

  it('fails a study of an unknown project as InvalidRequest', async () => {
    const app = startApplication()
    const request = { ...one, project: known(ProjectSlug, 'project-nobody-knows') }
    await app.record(request)
    expect(await app.handle(request)).to.deep.equal(ack)
    expect(await stateOf(app)).to.deep.equal({ state: 'failed', reason: 'InvalidRequest', attempts: 0 })
  })

  it('fails a study of another patient as IdentityMismatch and sends nothing', async () => {
    const app = startApplication()
    app.addStudy(1, { mrn: 'somebody-else' })
    const request = syntheticRequest(1, { uid: originalUid(1) })
    await app.record(request)
    await app.handle(request)
    expect(await stateOf(app)).to.deep.equal({ state: 'failed', reason: 'IdentityMismatch', attempts: 0 })
    expect((await app.row()).pseudoStudyUid).to.equal(null)
    expect(app.delivered()).to.deep.equal([])
  })

  const refusals = [
    ['invalid', 'UploadRejected'],
    ['conflict', 'Conflict'],
  ] as const
  for (const [refusal, reason] of refusals) {
    it(`fails a study its destination refuses as ${refusal} with ${reason}`, async () => {
      const app = startApplication({ uploaders: ({ folder: honest }) => ({ folder: refusing(honest, refusal) }) })
      app.addStudy(1)
      await app.record(one)
      await app.handle(one)
      expect(await stateOf(app)).to.deep.equal({ state: 'failed', reason, attempts: 0 })
      expect(app.breakers.open()).to.deep.equal([])
    })
  }

  it('tries a partly taken study again after a backoff and gives it up when every attempt failed', async () => {
    const app = startApplication({ maxAttempts: 3 })
    app.addStudy(1)
    app.folder.setMode('losing')
    await app.record(one)
    const waits: Array<number> = []
    for (let attempt = 1; attempt < 3; attempt++) {
      expect(await app.handle(one)).to.deep.equal(ack)
      expect(await stateOf(app)).to.deep.equal({ state: 'requested', reason: null, attempts: attempt })
      waits.push((await app.row()).nextActionAt!.getTime() - app.clock.now().getTime())
      await app.clock.advance(waits[waits.length - 1]!)
    }
    expect(waits).to.deep.equal([500, 1000])
    await app.handle(one)
    expect(await stateOf(app)).to.include({ state: 'failed', reason: 'RetriesExhausted' })
    const history = await app.history()
    expect(history[history.length - 1]?.detail.cause).to.equal('UploadRejected partial')
    expect(app.delivered()).to.deep.equal([])
  })

  it('does nothing for a message that comes before the retry is due', async () => {
    const app = startApplication()
    app.addStudy(1)
    app.folder.setMode('losing')
    await app.record(one)
    await app.handle(one)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect((await stateOf(app)).attempts).to.equal(1)
    expect(app.archive.retrievals('primary')).to.equal(1)
  })

  it('ends a study no archive has as absent', async () => {
    const app = startApplication()
    await app.record(one)
    expect(await app.handle(one)).to.deep.equal(ack)
    expect(await stateOf(app)).to.deep.equal({ state: 'absent', reason: 'NotInArchive', attempts: 0 })
  })

  it('gives a study that is not in the primary archive to the queue of the secondary, and finds it there', async () => {
    const app = startApplication({ withSecondary: true })
    app.addStudy(1, { archive: 'secondary' })
    await app.record(one)
    await app.handle(one)
    expect(await app.row()).to.deep.include({ state: 'requested', queue: secondaryQueue, attempts: 0 })
    expect(await succeed(app.publishDue)).to.equal(1)
    expect(await succeed(app.bus.depth(secondaryQueue))).to.include({ ready: 1 })
    await app.handle(one, secondaryQueue)
    expect((await stateOf(app)).state).to.equal('exported')
    expect([app.archive.retrievals('primary'), app.archive.retrievals('secondary')]).to.deep.equal([1, 1])
  })

  it('ends a study that neither archive has as absent', async () => {
    const app = startApplication({ withSecondary: true })
    await app.record(one)
    await app.handle(one)
    await app.handle(one, secondaryQueue)
    expect((await stateOf(app)).state).to.equal('absent')
  })

  it('sends one object for two requests that turn out to be one study', async () => {
    const app = startApplication()
    app.addStudy(1)
    const byUid = syntheticRequest(1, { uid: originalUid(1) })
    await app.record(one, byUid)
    await app.handle(one)
    expect(await app.handle(byUid)).to.deep.equal(ack)
    expect((await app.rows()).map(({ state, reason }) => [state, reason])).to.deep.equal([
      ['exported', null],
      ['skipped', 'SameStudy'],
    ])
    expect(app.delivered()).to.have.length(1)
  })

  it('delivers a study again, as one object, when more of its series were asked for meanwhile', async () => {
    const app = startApplication()
    app.addStudy(1, { modalities: ['MR', 'MR'] })
    const first = syntheticRequest(1, { series: [originalSeries(1, 1)] })
    await app.record(first)
    const gate = makeGate()
    app.archive.setDelay(gate.passed)
    const handled = app.handle(first)
    await app.clock.advance(0)
    await app.record(syntheticRequest(1, { series: [originalSeries(1, 2)] }))
    gate.open()
    await handled
    expect((await stateOf(app)).state).to.equal('requested')
    expect(app.eventsOf('StudyEnded')).to.deep.equal([])
    const [before] = [...app.folder.objects.values()]
    await app.handle(first)
    expect((await stateOf(app)).state).to.equal('exported')
    expect(app.delivered()).to.have.length(1)
    expect([...app.folder.objects.values()][0]!.length).to.be.greaterThan(before!.length)
  })

  it('does not report a skipped study as ended when more of its series were asked for meanwhile', async () => {
    const app = startApplication()
    app.addStudy(1, { modalities: ['CT', 'MR'] })
    const first = syntheticRequest(1, { series: [originalSeries(1, 1)] })
    await app.record(first)
    const gate = makeGate()
    app.archive.setDelay(gate.passed)
    const handled = app.handle(first)
    await app.clock.advance(0)
    await app.record(syntheticRequest(1, { series: [originalSeries(1, 2)] }))
    gate.open()
    await handled
    expect((await stateOf(app)).state).to.equal('requested')
    expect(app.eventsOf('StudyEnded')).to.deep.equal([])
  })
})
