import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { unavailable } from '../../domain/errors.js'
import type { ImageEvent, ImageRecord } from '../../domain/extract.js'
import { known, ProjectSlug, WorkerId } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { ExtractRepository, ProjectCounts } from '../../ports/extract-repository.js'
import { fail, marker, succeed, syntheticRequest } from '../contract/synthetic.js'
import type { ApplicationOptions, TestApplication } from '../support/application.js'
import { checkRuns, expectNoMarker, folder, projectOf, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const two = syntheticRequest(2)

/** One study exported, one absent. */
const startDone = async (options: ApplicationOptions = {}): Promise<TestApplication> => {
  const app = startApplication(options)
  app.addStudy(1)
  await app.record(one, two)
  await app.handle(one)
  await app.handle(two)
  return app
}

describe('replay', () => {
  afterEach(checkRuns)

  const startFailed = async (): Promise<TestApplication> => {
    const app = startApplication({ maxAttempts: 1 })
    app.addStudy(1)
    app.folder.setMode('losing')
    await app.record(one, two)
    await app.handle(one)
    await app.handle(two)
    expect((await app.rows()).map(({ state }) => state)).to.deep.equal(['failed', 'absent'])
    return app
  }

  it('gives failed and absent studies another try, with all their attempts, and publishes them', async () => {
    const app = await startFailed()
    expect(await succeed(app.replay({}))).to.equal(2)
    expect((await app.rows()).map(({ state, attempts, reason }) => [state, attempts, reason])).to.deep.equal([
      ['requested', 0, null],
      ['requested', 0, null],
    ])
    expect((await succeed(app.bus.depth('imaging-primary'))).ready).to.equal(2)
    app.folder.setMode('working')
    app.addStudy(2)
    await app.handle(one)
    await app.handle(two)
    expect((await app.rows()).map(({ state }) => state)).to.deep.equal(['exported', 'exported'])
  })

  it('replays only what it is told to', async () => {
    const app = await startFailed()
    expect(await succeed(app.replay({ project: known(ProjectSlug, 'project-two') }))).to.equal(0)
    expect(await succeed(app.replay({ only: 'absent' }))).to.equal(1)
    expect((await app.rows()).map(({ state }) => state)).to.deep.equal(['failed', 'requested'])
    expect(await succeed(app.replay({ only: 'absent' }))).to.equal(0)
  })
})

describe('explain', () => {
  afterEach(checkRuns)

  it('tells the story of a study by its pseudonym, without anything that identifies the patient', async () => {
    const app = await startDone()
    const { pseudoStudyUid } = (await app.rows())[0]!
    const stories = await succeed(app.explain(sensitive(pseudoStudyUid!)))
    expect(stories).to.have.length(1)
    expect(stories[0]).to.include({ study: pseudoStudyUid, state: 'exported', reason: null })
    expect(stories[0]?.events.map(({ transition }) => transition)).to.deep.equal([
      'request',
      'claim',
      'name',
      'deliver',
      'export',
    ])
    expectNoMarker(stories)
  })

  it('finds a study by any original identifier, and names it as telemetry does', async () => {
    const app = await startDone()
    const [story] = await succeed(app.explain(sensitive(`${marker}-acc-2`)))
    expect(story).to.include({ state: 'absent', reason: 'NotInArchive' })
    expect(story?.study).to.equal(app.eventsOf('StudyEnded')[1]?.study)
    expect(await succeed(app.explain(sensitive(`${marker}-mrn-2`)))).to.have.length(1)
    expect(await succeed(app.explain(sensitive('1.2.3')))).to.deep.equal([])
  })

  it('finds a study without a pseudonym by the name the log gives it', async () => {
    const app = await startDone()
    const { study } = app.eventsOf('StudyEnded')[1]!
    const stories = await succeed(app.explain(sensitive(study)))
    expect(stories.map((story) => [story.study, story.state])).to.deep.equal([[study, 'absent']])
    expectNoMarker(stories)
  })

  it('tells when a study is next looked at: the lease of one in hand, the retry of another', async () => {
    const app = startApplication()
    await app.record(one)
    const asked = sensitive<'Identifier'>(`${marker}-mrn-1`)
    const at = app.clock.now()
    expect((await succeed(app.explain(asked)))[0]?.nextActionAt).to.deep.equal(at)
    await succeed(app.extracts.claim(one, known(WorkerId, 'worker-1'), 60_000))
    expect((await succeed(app.explain(asked)))[0]?.nextActionAt?.getTime()).to.equal(at.getTime() + 60_000)
  })
})

describe('audit', () => {
  afterEach(checkRuns)

  const violationsOf = async (app: TestApplication) => {
    const report = await succeed(app.audit)
    expectNoMarker(report)
    return report.violations.map(({ promise, study, problem }) => ({ promise, named: study !== null, problem }))
  }
  /** Rows told otherwise than they are. */
  const telling = (change: (image: ImageRecord) => Partial<ImageRecord>): ApplicationOptions => ({
    broken: ({ extracts }) => ({
      extracts: {
        ...extracts,
        images: async function* (selection: Parameters<ExtractRepository['images']>[0]) {
          for await (const image of extracts.images(selection)) yield { ...image, ...change(image) }
        },
      },
    }),
  })

  it('is clean where every promise is kept, and says what it looked at', async () => {
    const app = await startDone()
    await app.record(syntheticRequest(3))
    expect(await succeed(app.audit)).to.deep.equal({ studies: 3, objects: 1, violations: [], unchecked: [] })
  })

  it('is clean where nothing was asked for', async () => {
    expect((await succeed(startApplication().audit)).violations).to.deep.equal([])
  })

  it('is clean where another system has exported a study', async () => {
    const app = startApplication()
    await app.record(one)
    await app.extracts.exportForeign(one, new Date('2023-01-01'))
    await app.handle(one)
    expect(await succeed(app.audit))
      .to.include({ objects: 0 })
      .and.to.deep.include({ violations: [], unchecked: [] })
  })

  const rowLies: ReadonlyArray<readonly [string, (image: ImageRecord) => Partial<ImageRecord>, string]> = [
    [
      'an end without a reason',
      ({ state }) => (state === 'absent' ? { reason: null } : {}),
      'the state absent has no reason',
    ],
    [
      'a state its history does not end in',
      ({ state }) => (state === 'absent' ? { state: 'failed', reason: 'WorkerLost' } : {}),
      'its history ends in absent, its state is failed',
    ],
    [
      'a study that waits for nothing',
      ({ state }) => (state === 'absent' ? { state: 'requested', reason: null, nextActionAt: null } : {}),
      'it is requested without a time for its next action',
    ],
    [
      'a study without a lease in hand',
      ({ state }) => (state === 'absent' ? { state: 'claimed', reason: null, leaseUntil: null } : {}),
      'it is claimed without a lease',
    ],
    [
      'an export a destination does not have',
      ({ deliveries }) => ({ deliveries: deliveries.map((each) => ({ ...each, state: 'pending' as const })) }),
      'it is exported though a destination does not have it',
    ],
  ]
  for (const [what, lie, problem] of rowLies) {
    it(`finds ${what} (P1)`, async () => {
      const app = await startDone(telling(lie))
      expect(await violationsOf(app)).to.deep.equal([{ promise: 'P1', named: true, problem }])
    })
  }

  it('finds an end without any history (P1)', async () => {
    const app = await startDone({
      broken: ({ extracts }) => ({
        extracts: { ...extracts, history: () => TE.right<never, ReadonlyArray<ImageEvent>>([]) },
      }),
    })
    expect(await violationsOf(app)).to.have.length(2)
  })

  it('finds counts that do not add up (P1)', async () => {
    const app = await startDone({
      broken: ({ extracts }) => ({
        extracts: {
          ...extracts,
          countByState: TE.map((all: ReadonlyArray<ProjectCounts>) =>
            all.map((counts) => ({ ...counts, total: counts.total + 1 })),
          )(extracts.countByState),
        },
      }),
    })
    expect(await violationsOf(app)).to.deep.equal([
      { promise: 'P1', named: false, problem: '3 studies, but the states count 2' },
    ])
  })

  it('finds two studies that share an object (P2)', async () => {
    const app = startApplication(
      telling(({ deliveries }) => ({ deliveries: deliveries.map((each) => ({ ...each, remoteName: 'same.zip' })) })),
    )
    app.addStudy(1)
    app.addStudy(2)
    await app.record(one, two)
    await app.handle(one)
    await app.handle(two)
    expect((await violationsOf(app)).map(({ promise }) => promise)).to.deep.equal(['P2'])
  })

  it('finds an object that is gone, and one that is not the recorded one (P3)', async () => {
    const app = await startDone()
    const [name] = app.delivered()
    app.folder.objects.set(name!, Buffer.from('half a z'))
    expect(await violationsOf(app)).to.deep.equal([
      { promise: 'P3', named: true, problem: 'its object at folder is partial, though it is recorded as delivered' },
    ])
    app.folder.objects.delete(name!)
    expect((await violationsOf(app))[0]?.problem).to.contain('is absent')
  })

  it('finds a part a dead worker has left (P3), and takes none for one while a study is in hand', async () => {
    const app = await startDone()
    app.folder.objects.set('project-one/.2.25.1.3.part', Buffer.from('half a z'))
    expect(await violationsOf(app)).to.deep.equal([
      { promise: 'P3', named: false, problem: 'folder holds the unfinished project-one/.2.25.1.3.part' },
    ])
    await app.record(syntheticRequest(3))
    await succeed(app.extracts.claim(syntheticRequest(3), known(WorkerId, 'worker-1'), 60_000))
    expect(await violationsOf(app)).to.deep.equal([])
  })

  it('says what it could not look at instead of passing it', async () => {
    const app = await startDone()
    app.folder.setMode('out')
    const report = await succeed(app.audit)
    expect(report.violations).to.deep.equal([])
    expect(report.unchecked.join()).to.contain('Destination folder could not be looked at')
  })

  it('says when the destination of a delivered study is no longer registered', async () => {
    let registered = true
    const app = await startDone({
      uploaders: (honest) => ({
        get folder() {
          return registered ? honest.folder : (undefined as never)
        },
      }),
    })
    registered = false
    expect((await succeed(app.audit)).unchecked).to.deep.equal([
      'Destination folder could not be looked at: No uploader is registered for destination folder; register one, or correct destination.dicom.',
    ])
  })

  it('changes nothing', async () => {
    const app = await startDone()
    const before = JSON.stringify([await app.rows(), await app.history(1), app.delivered()])
    await succeed(app.audit)
    expect(JSON.stringify([await app.rows(), await app.history(1), app.delivered()])).to.equal(before)
    expect(projectOf(one.project).config.destination.dicom).to.deep.equal([folder])
  })

  it('fails when the rows cannot be read', async () => {
    const down = unavailable('ExtractRepository', { name: 'Error', code: 'ECONNREFUSED' })
    for (const broken of ['history', 'countByState', 'images'] as const) {
      const app = await startDone({
        broken: ({ extracts }) => ({
          extracts: {
            ...extracts,
            ...(broken === 'history' ? { history: () => TE.left(down) } : {}),
            ...(broken === 'countByState' ? { countByState: TE.left(down) } : {}),
            ...(broken === 'images'
              ? {
                  images: () => {
                    throw Object.assign(new Error(marker), { code: 'ECONNREFUSED' })
                  },
                }
              : {}),
          },
        }),
      })
      const error = await fail(app.audit)
      expect(error).to.deep.equal(down)
      expectNoMarker(error)
    }
  })
})
