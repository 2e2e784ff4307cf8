import { expect } from 'chai'
import type { CohortRow } from '../../domain/cohort.js'
import { fail, marker, succeed, syntheticRequest } from '../contract/synthetic.js'
import type { ApplicationOptions, TestApplication } from '../support/application.js'
import {
  checkRuns,
  elsewhere,
  expectNoMarker,
  folder,
  primaryQueue,
  projectOf,
  startApplication,
} from '../support/application.js'

const project = syntheticRequest(1).project

const rowOf = (n: number, more: Partial<CohortRow> = {}): CohortRow => ({
  projectName: 'project-one',
  mrn: `${marker}-mrn-${n}`,
  accessionNumber: `${marker}-acc-${n}`,
  studyUid: '',
  seriesUid: '',
  studyDate: '2022-11-22',
  procedureId: String(n),
  extractGeneratedTimestamp: '2023-12-07T14:08:00+00:00',
  participantId: '',
  ...more,
})

const startWith = (rows: ReadonlyArray<CohortRow>, options: ApplicationOptions = {}): TestApplication => {
  const app = startApplication(options)
  app.cohortReader.put('cohort.csv', rows)
  return app
}
const enqueue = (app: TestApplication) => app.enqueueExtract('cohort.csv', 2)

describe('enqueue-extract', () => {
  afterEach(checkRuns)

  it('records the studies of a cohort and publishes them', async () => {
    const app = startWith([rowOf(1), rowOf(2), rowOf(2)])
    const enqueued = await succeed(enqueue(app))
    expect(enqueued.recorded).to.deep.equal({ added: 2, known: 0, exported: 0, reopened: 0 })
    expect(enqueued.projects).to.deep.equal([project])
    expect(enqueued.cohort).to.include({ rows: 3, duplicates: 1 })
    expect((await app.rows()).map(({ state, priority }) => [state, priority])).to.deep.equal([
      ['requested', 2],
      ['requested', 2],
    ])
    expect((await succeed(app.bus.depth(primaryQueue))).ready).to.equal(2)
    expect(app.eventsOf('CohortEnqueued')).to.have.length(1)
    expect(app.cohortReader.openCohorts()).to.equal(0)
  })

  it('does the same again without any effect', async () => {
    const app = startWith([rowOf(1), rowOf(2)])
    await succeed(enqueue(app))
    expect((await succeed(enqueue(app))).recorded).to.deep.equal({ added: 0, known: 2, exported: 0, reopened: 0 })
    expect((await app.rows()).map(({ requests }) => requests.length)).to.deep.equal([1, 1])
    expect((await succeed(app.bus.depth(primaryQueue))).ready).to.equal(2)
  })

  it('does nothing until it is run', async () => {
    const app = startWith([rowOf(1)])
    void enqueue(app)
    await app.clock.advance(1000)
    expect(await app.rows()).to.deep.equal([])
    expect(app.cohortReader.openCohorts()).to.equal(0)
  })

  it('refuses a cohort with an unknown project before any row is written', async () => {
    const app = startWith([rowOf(1), rowOf(2, { projectName: 'Nobody knows' })])
    expect(await fail(enqueue(app))).to.deep.equal({ _tag: 'UnknownProject', project: 'nobody-knows' })
    expect(await app.rows()).to.deep.equal([])
    expect(app.cohortReader.openCohorts()).to.equal(0)
  })

  it('refuses a cohort of a project whose destination has no uploader before any row is written', async () => {
    const app = startWith([rowOf(1)])
    app.catalogue.put(projectOf(project, [folder, elsewhere]))
    expect(await fail(enqueue(app))).to.deep.equal({ _tag: 'UnknownDestination', destination: 'elsewhere' })
    expect(await app.rows()).to.deep.equal([])
  })

  it('takes a cohort of a project without destination', async () => {
    const app = startWith([rowOf(1)])
    app.catalogue.put(projectOf(project, []))
    expect((await succeed(enqueue(app))).recorded.added).to.equal(1)
  })

  it('passes on what is wrong with a cohort, without anything that identifies a patient', async () => {
    const app = startWith([rowOf(1, { participantId: `${marker}-mrn-1` })])
    const error = await fail(enqueue(app))
    expect(error._tag).to.equal('InvalidInput')
    expectNoMarker(error)
    expect((await fail(app.enqueueExtract('nothing.csv', 1)))._tag).to.equal('InvalidInput')
  })

  /** A cohort whose reading breaks after its first batch, as long as it is told to. */
  const breaking = (isBroken: () => boolean): ApplicationOptions => ({
    broken: ({ cohortReader }) => ({
      cohortReader: {
        ...cohortReader,
        open: (source) => async () => {
          const opened = await cohortReader.open(source)()
          if (opened._tag === 'Left' || !isBroken()) return opened
          const batches = (async function* () {
            for await (const batch of opened.right.batches) {
              yield batch
              throw Object.assign(new Error(`${marker} could not be read`), { code: 'EIO' })
            }
          })()
          return { ...opened, right: { ...opened.right, batches } }
        },
      },
    }),
  })

  it('keeps the batches recorded before the reading broke, and completes them when run again', async () => {
    let isBroken = true
    const app = startWith(
      Array.from({ length: 1500 }, (_, n) => rowOf(n + 1)),
      breaking(() => isBroken),
    )
    const error = await fail(enqueue(app))
    expect(error).to.deep.equal({ _tag: 'Unavailable', port: 'CohortReader', cause: { name: 'Error', code: 'EIO' } })
    expect(await app.rows()).to.have.length(1000)
    expect(app.cohortReader.openCohorts()).to.equal(0)
    isBroken = false
    expect((await succeed(enqueue(app))).recorded).to.deep.equal({ added: 500, known: 1000, exported: 0, reopened: 0 })
    expect((await succeed(app.bus.depth(primaryQueue))).ready).to.equal(1500)
  })

  it('keeps the rows when the broker does not answer, and the sweep publishes them', async () => {
    const app = startWith([rowOf(1)])
    app.bus.setReachable(false)
    expect(await fail(enqueue(app))).to.include({ _tag: 'Unavailable', port: 'MessageBus' })
    app.bus.setReachable(true)
    await app.sweep()
    expect((await succeed(app.bus.depth(primaryQueue))).ready).to.equal(1)
  })

  it('tells a study that has been exported from one that is still to be done', async () => {
    const app = startWith([rowOf(1, { seriesUid: '1.2.3' })])
    app.addStudy(1)
    await succeed(enqueue(app))
    await app.extracts.exportForeign(syntheticRequest(1), new Date('2023-01-01'))
    expect((await succeed(enqueue(app))).recorded.exported).to.equal(1)
  })
})
