import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { UploadError } from '../../domain/errors.js'
import { ack } from '../../domain/routing.js'
import type { ImageUploader, StoredObject } from '../../ports/image-uploader.js'
import { syntheticRequest } from '../contract/synthetic.js'
import type { TestApplication } from '../support/application.js'
import { checkRuns, folder, ftps, originalSeries, projectOf, startApplication } from '../support/application.js'

const one = syntheticRequest(1)
const project = one.project

const stateOf = async (app: TestApplication) => {
  const { state, reason, attempts } = await app.row()
  return { state, reason, attempts }
}

describe('export-study', () => {
  afterEach(checkRuns)

  const withTwo = (
    uploaders?: (ports: { folder: ImageUploader; ftps: ImageUploader }) => Record<string, ImageUploader>,
  ) => {
    const app = startApplication(uploaders === undefined ? {} : { uploaders })
    app.catalogue.put(projectOf(project, [ftps, folder]))
    app.addStudy(1)
    return app
  }
  const deliveries = async (app: TestApplication) =>
    (await app.row()).deliveries.map(({ destination, state }) => `${destination} ${state}`).sort()

  it('sends a study to every destination and exports it once all have it', async () => {
    const app = withTwo()
    await app.record(one)
    await app.handle(one)
    expect((await stateOf(app)).state).to.equal('exported')
    expect(await deliveries(app)).to.deep.equal(['folder delivered', 'ftps delivered'])
  })

  it('delivers to the others when one destination fails, and later only to that one', async () => {
    let uploads = 0
    const counted = (uploader: ImageUploader): ImageUploader => ({
      ...uploader,
      upload: (...study) => TE.flatMap(() => uploader.upload(...study))(TE.fromIO(() => void uploads++)),
    })
    const app = withTwo((ports) => ({ folder: counted(ports.folder), ftps: ports.ftps }))
    app.ftps.setMode('losing')
    await app.record(one)
    await app.handle(one)
    expect(await stateOf(app)).to.deep.equal({ state: 'requested', reason: null, attempts: 1 })
    expect(await deliveries(app)).to.deep.equal(['folder delivered'])
    app.ftps.setMode('working')
    await app.clock.advance(60_000)
    await app.handle(one)
    expect((await stateOf(app)).state).to.equal('exported')
    expect([uploads, app.delivered('ftps').length]).to.deep.equal([1, 1])
  })

  it('sends the series asked for since to a destination that has an earlier, smaller study', async () => {
    const app = withTwo()
    app.addStudy(1, { modalities: ['MR', 'MR'] })
    app.ftps.setMode('losing')
    const first = syntheticRequest(1, { series: [originalSeries(1, 1)] })
    await app.record(first)
    await app.handle(first)
    expect(await deliveries(app)).to.deep.equal(['folder delivered'])
    await app.record(syntheticRequest(1, { series: [originalSeries(1, 2)] }))
    app.ftps.setMode('working')
    await app.clock.advance(60_000)
    await app.handle(first)
    expect((await stateOf(app)).state).to.equal('exported')
    expect(app.folder.objects).to.deep.equal(app.ftps.objects)
  })

  /** Takes studies, and shows them once told to. */
  const slow = (uploader: ImageUploader) => {
    let visible = false
    return {
      show: () => void (visible = true),
      uploader: {
        ...uploader,
        upload: (...study: Parameters<ImageUploader['upload']>) =>
          TE.map(({ object }: { readonly object: StoredObject }) => ({
            _tag: 'pending' as const,
            object,
          }))(uploader.upload(...study)),
        verify: (study: Parameters<ImageUploader['verify']>[0]) =>
          TE.flatMap(() => (visible ? uploader.verify(study) : TE.right<UploadError, 'absent'>('absent')))(
            TE.right<UploadError, void>(undefined),
          ),
      } satisfies ImageUploader,
    }
  }

  it('awaits a destination that shows studies later, checks it, and exports once it is there', async () => {
    let show = (): void => undefined
    const app = withTwo((ports) => {
      const later = slow(ports.ftps)
      show = later.show
      return { folder: ports.folder, ftps: later.uploader }
    })
    await app.record(one)
    await app.handle(one)
    expect((await stateOf(app)).state).to.equal('awaiting')
    expect(await deliveries(app)).to.deep.equal(['folder delivered', 'ftps uploaded'])
    expect(await app.handle(one)).to.deep.equal(ack)
    expect((await stateOf(app)).state).to.equal('awaiting')
    await app.clock.advance(60_000)
    await app.handle(one)
    expect((await stateOf(app)).state).to.equal('awaiting')
    show()
    await app.clock.advance(60_000)
    await app.handle(one)
    expect((await stateOf(app)).state).to.equal('exported')
    expect(await deliveries(app)).to.deep.equal(['folder delivered', 'ftps delivered'])
    expect(app.archive.retrievals('primary')).to.equal(1)
  })

  it('sends a study again when a destination has not shown it by the deadline', async () => {
    let uploads = 0
    const app = withTwo((ports) => {
      const { uploader } = slow(ports.ftps)
      return {
        folder: ports.folder,
        ftps: {
          ...uploader,
          upload: (...study) => TE.flatMap(() => uploader.upload(...study))(TE.fromIO(() => void uploads++)),
        },
      }
    })
    await app.record(one)
    await app.handle(one)
    await app.clock.advance(7 * 24 * 3600_000 + 1)
    await app.sweep()
    expect(await stateOf(app)).to.deep.equal({ state: 'requested', reason: null, attempts: 1 })
    await app.handle(one)
    expect([uploads, (await stateOf(app)).state]).to.deep.equal([2, 'awaiting'])
  })
})
