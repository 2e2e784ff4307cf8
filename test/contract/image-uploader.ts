import { inspect } from 'node:util'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { UploadError } from '../../domain/errors.js'
import { describeError, isTransient } from '../../domain/errors.js'
import type { DeidentifiedStudy } from '../../domain/study.js'
import type { ImageUploader, StoredObject, UploadOutcome } from '../../ports/image-uploader.js'
import type { Clause, Harness } from './contract.js'
import { expectNoNewHandle, letStrayWorkShow } from './handles.js'
import type { StoredInstance } from './image-studies.js'
import { fail, succeed } from './synthetic.js'

/** A study that can be uploaded, and how its instances were sent. */
export interface SentStudy {
  readonly study: DeidentifiedStudy
  /** Sorted by SOP Instance UID. */
  readonly sent: ReadonlyArray<StoredInstance>
}

/** An uploader, its source and its destination, and hands that reach behind all three. Null = it cannot be done here. */
export interface ImageUploaderHarness extends Harness {
  readonly uploader: ImageUploader
  /** Two studies of one project; the source has them, the destination does not. */
  readonly first: SentStudy
  readonly second: SentStudy
  /** Gives the first study other content under the same names, at the source. */
  readonly changeFirst: () => Promise<SentStudy>
  /** Takes the first study from the source. */
  readonly loseFirst: () => Promise<void>
  /** Cuts the streams of the source: they throw, or end as if they were whole. Null = whole again. */
  readonly cutSource: (cut: { readonly afterBytes: number; readonly how: 'throws' | 'ends' } | null) => void
  /** What a reader of the destination finds of a study, sorted by SOP Instance UID; looked at not through the port. */
  readonly received: (study: DeidentifiedStudy) => Promise<ReadonlyArray<StoredInstance>>
  /** Names of all objects a reader of the destination sees. */
  readonly visible: () => Promise<ReadonlyArray<string>>
  /** Spoils a study at the destination. */
  readonly damage: (study: DeidentifiedStudy) => Promise<void>
  /** Leaves a part as a killed worker with that fence would; the answer is its name among `leftovers`. */
  readonly plantLeftover: ((study: DeidentifiedStudy, fence: number) => Promise<string>) | null
  /** From now on the destination takes a part of the instances only. */
  readonly takePart: (() => Promise<void>) | null
  /** From now on the destination has no space left. */
  readonly fill: (() => Promise<void>) | null
  /** From now on the destination knows another password. */
  readonly breakLogin: (() => Promise<void>) | null
  /** Makes the destination unable to answer. */
  readonly stop: () => Promise<void>
  /** Texts that no error and no remote name may hold: passwords, places. */
  readonly markers: ReadonlyArray<string>
}

type H = ImageUploaderHarness
const agreed: TE.TaskEither<UploadError, void> = TE.right(undefined)
const refusal: UploadError = { _tag: 'Unavailable', port: 'ExtractRepository', cause: { name: 'ClaimLost' } }
const cuts = [0, 1, 100, 250_000, 500_000].flatMap((afterBytes) => [
  { afterBytes, how: 'throws' } as const,
  { afterBytes, how: 'ends' } as const,
])

const upload = ({ uploader }: H, { study }: SentStudy, fence = 1): TE.TaskEither<UploadError, UploadOutcome> =>
  uploader.upload(study, fence, agreed)

const verified = ({ uploader }: H, { study }: SentStudy, object: StoredObject): Promise<string> =>
  succeed(uploader.verify({ project: study.project, pseudoStudyUid: study.pseudoStudyUid, object }))

const expectReceived = async (h: H, { study, sent }: SentStudy): Promise<void> => {
  const found = await h.received(study)
  const uids = (list: ReadonlyArray<StoredInstance>): unknown => list.map(({ sopInstanceUid }) => sopInstanceUid)
  expect(h.uploader.supports.verbatim ? found : uids(found)).to.deep.equal(
    h.uploader.supports.verbatim ? sent : uids(sent),
  )
}
const isAtomic = (h: H): boolean => h.uploader.supports.atomic

/** What every {@link ImageUploader} keeps to. */
export const imageUploaderContract: ReadonlyArray<Clause<ImageUploaderHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      void upload(h, h.first)
      void h.uploader.probe
      await letStrayWorkShow()
      expect(await h.visible()).to.deep.equal([])
    },
  },
  {
    title: 'delivers every instance',
    run: async (h) => {
      const outcome = await succeed(upload(h, h.first))
      expect(outcome._tag).to.equal('stored')
      await expectReceived(h, h.first)
      expect(await h.visible()).to.have.length(1)
    },
  },
  {
    title: 'keeps one copy when the same study is uploaded twice',
    run: async (h) => {
      const once = await succeed(upload(h, h.first, 1))
      const twice = await succeed(upload(h, h.first, 2))
      expect(twice.object).to.deep.equal(once.object)
      expect(twice._tag).to.equal(isAtomic(h) ? 'alreadyPresent' : twice._tag)
      await expectReceived(h, h.first)
      expect(await h.visible()).to.have.length(1)
    },
  },
  {
    title: 'replaces a study whose content has changed, under the same name',
    run: async (h) => {
      const before = await succeed(upload(h, h.first, 1))
      const changed = await h.changeFirst()
      const after = await succeed(upload(h, changed, 2))
      expect(after._tag).to.equal('stored')
      expect(after.object.remoteName).to.equal(before.object.remoteName)
      await expectReceived(h, changed)
      expect(await h.visible()).to.have.length(1)
    },
  },
  {
    title: 'does not mix studies that are uploaded at once',
    run: async (h) => {
      await Promise.all([succeed(upload(h, h.first)), succeed(upload(h, h.second))])
      await expectReceived(h, h.first)
      await expectReceived(h, h.second)
      expect(await h.visible()).to.have.length(2)
    },
  },
  {
    title: 'shows one whole copy when two claims upload the same study at once',
    run: async (h) => {
      const answers = await Promise.all([upload(h, h.first, 1)(), upload(h, h.first, 2)()])
      expect(answers.some(E.isRight)).to.equal(true)
      await expectReceived(h, h.first)
      expect(await h.visible()).to.have.length(1)
    },
  },
  {
    title: 'is no success when the source throws or ends early',
    run: async (h) => {
      for (const cut of cuts) {
        h.cutSource(cut)
        expect(['Unavailable', 'UploadRejected', 'StudyNotFound']).to.include((await fail(upload(h, h.first)))._tag)
      }
      h.cutSource(null)
      await succeed(upload(h, h.first, 2))
      await expectReceived(h, h.first)
    },
  },
  {
    title: 'leaves nothing under the final name, nor a leftover, when the source breaks',
    appliesTo: isAtomic,
    run: async (h) => {
      for (const cut of cuts) {
        h.cutSource(cut)
        await upload(h, h.first)()
        expect(await h.visible()).to.deep.equal([])
        expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal([])
      }
    },
  },
  {
    title: 'keeps what was there when the source breaks during a replacement',
    appliesTo: isAtomic,
    run: async (h) => {
      await succeed(upload(h, h.first, 1))
      const changed = await h.changeFirst()
      for (const cut of cuts) {
        h.cutSource(cut)
        await fail(upload(h, changed, 2))
        await expectReceived(h, h.first)
      }
    },
  },
  {
    title: 'shows nothing before the confirmation, and nothing at all when it fails',
    appliesTo: isAtomic,
    run: async (h) => {
      const seen: Array<ReadonlyArray<string>> = []
      const refused = TE.flatMap(() => TE.left(refusal))(
        TE.fromTask<void, UploadError>(async () => {
          seen.push(await h.visible())
        }),
      )
      expect(await fail(h.uploader.upload(h.first.study, 1, refused))).to.deep.equal(refusal)
      expect(seen).to.deep.equal([[]])
      expect(await h.visible()).to.deep.equal([])
      expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal([])
    },
  },
  {
    title: 'removes leftovers of lower fences of the study before the confirmation, and no others',
    appliesTo: (h) => h.plantLeftover !== null,
    run: async (h) => {
      const plant = h.plantLeftover!
      for (const fence of [1, 9]) await plant(h.first.study, fence)
      const kept = [await plant(h.first.study, 11), await plant(h.second.study, 3)].sort()
      const atConfirmation: Array<ReadonlyArray<string>> = []
      await succeed(
        h.uploader.upload(h.first.study, 10, async () => {
          atConfirmation.push(await succeed(h.uploader.leftovers(h.first.study.project)))
          return E.right(undefined)
        }),
      )
      expect(atConfirmation[0]!.filter((name) => !/(^|\D)10(\D|$)/.test(name))).to.deep.equal(kept)
      expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal(kept)
    },
  },
  {
    title: 'removes leftovers of lower fences when the study is there already',
    appliesTo: (h) => h.plantLeftover !== null,
    run: async (h) => {
      await succeed(upload(h, h.first, 1))
      await h.plantLeftover!(h.first.study, 2)
      await succeed(upload(h, h.first, 3))
      expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal([])
    },
  },
  {
    title: 'lists leftovers of a project and nothing that is finished',
    run: async (h) => {
      expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal([])
      await succeed(upload(h, h.first))
      const planted = h.plantLeftover === null ? [] : [await h.plantLeftover(h.second.study, 1)]
      expect(await succeed(h.uploader.leftovers(h.first.study.project))).to.deep.equal(planted)
    },
  },
  {
    title: 'is no success when the destination takes a part only',
    appliesTo: (h) => h.takePart !== null,
    run: async (h) => {
      await h.takePart!()
      expect(await fail(upload(h, h.first))).to.deep.include({ _tag: 'UploadRejected', reason: 'partial' })
    },
  },
  {
    title: 'tells a full destination from an outage',
    appliesTo: (h) => h.fill !== null,
    run: async (h) => {
      await h.fill!()
      expect(await fail(upload(h, h.first))).to.deep.include({ _tag: 'UploadRejected', reason: 'quota' })
      expect(await h.visible()).to.deep.equal([])
    },
  },
  {
    title: 'tells a refused login from an outage',
    appliesTo: (h) => h.breakLogin !== null,
    run: async (h) => {
      await h.breakLogin!()
      for (const task of [upload(h, h.first), h.uploader.probe]) {
        const error = await fail<UploadError, unknown>(task)
        expect(error).to.deep.include({ _tag: 'UploadRejected', reason: 'credentials' })
        expect(isTransient(error)).to.equal(true)
      }
    },
  },
  {
    title: 'calls a destination that does not answer unavailable, which is transient',
    run: async (h) => {
      const { object } = await succeed(upload(h, h.second))
      await h.stop()
      const { project, pseudoStudyUid } = h.second.study
      const tasks: ReadonlyArray<TE.TaskEither<UploadError, unknown>> = [
        upload(h, h.first),
        h.uploader.probe,
        h.uploader.leftovers(project),
        h.uploader.verify({ project, pseudoStudyUid, object }),
      ]
      for (const task of tasks) {
        const error = await fail(task)
        expect(error).to.deep.include({ _tag: 'Unavailable', port: 'ImageUploader' })
        expect(isTransient(error)).to.equal(true)
      }
    },
  },
  {
    title: 'says so when the source no longer has the study',
    run: async (h) => {
      await h.loseFirst()
      expect(await fail(upload(h, h.first))).to.deep.equal({
        _tag: 'StudyNotFound',
        study: h.first.study.pseudoStudyUid,
      })
      expect(await h.visible()).to.deep.equal([])
    },
  },
  {
    title: 'tells a study that is present from one that is spoilt and one that is absent',
    run: async (h) => {
      const { object } = await succeed(upload(h, h.first))
      expect(await verified(h, h.first, object)).to.equal('present')
      expect(await verified(h, h.second, object)).to.equal('absent')
      await h.damage(h.first.study)
      expect(await verified(h, h.first, object)).to.equal('partial')
    },
  },
  {
    title: 'repairs a study that was spoilt at the destination',
    run: async (h) => {
      const { object } = await succeed(upload(h, h.first, 1))
      await h.damage(h.first.study)
      await succeed(upload(h, h.first, 2))
      await expectReceived(h, h.first)
      expect(await verified(h, h.first, object)).to.equal('present')
    },
  },
  {
    title: 'answers a probe while it works, and shows nothing of it',
    run: async (h) => {
      expect(await succeed(h.uploader.probe)).to.equal(undefined)
      expect(await h.visible()).to.deep.equal([])
    },
  },
  {
    title: 'names no secret and no place in errors and remote names',
    run: async (h) => {
      const texts: Array<string> = [(await succeed(upload(h, h.second))).object.remoteName]
      const spoil: ReadonlyArray<() => Promise<void>> = [
        () => Promise.resolve(h.cutSource({ afterBytes: 100, how: 'throws' })),
        h.breakLogin ?? (() => Promise.resolve()),
        h.stop,
      ]
      for (const step of spoil) {
        await step()
        const error = await fail(upload(h, h.first))
        texts.push(JSON.stringify(error), inspect(error, { depth: 9, showHidden: true }), describeError(error))
      }
      for (const text of texts) for (const marker of h.markers) expect(text).not.to.contain(marker)
    },
  },
  {
    title: 'leaves no handle open, also when an upload fails',
    run: async (h) => {
      await succeed(upload(h, h.second))
      await expectNoNewHandle(async () => {
        await succeed(upload(h, h.first, 1))
        await succeed(upload(h, h.first, 2))
        await succeed(h.uploader.probe)
        h.cutSource({ afterBytes: 250_000, how: 'throws' })
        await fail(upload(h, h.first, 3))
      })
    },
  },
]
