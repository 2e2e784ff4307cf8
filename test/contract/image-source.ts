import { inspect } from 'node:util'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { describeError, isTransient } from '../../domain/errors.js'
import { known, ProjectSlug, PseudoStudyUid } from '../../domain/identifiers.js'
import type { DeidentifiedStudyRef } from '../../domain/study.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { Clause, Harness } from './contract.js'
import { expectNoNewHandle, letStrayWorkShow } from './handles.js'
import type { SyntheticStudy } from './image-studies.js'
import { entriesOf, readAll } from './image-studies.js'
import { fail, succeed } from './synthetic.js'

/** A source and hands that reach behind it. */
export interface ImageSourceHarness extends Harness {
  readonly source: ImageSource
  /** Two different studies that the source holds. */
  readonly first: SyntheticStudy
  readonly second: SyntheticStudy
  /** Takes one instance of a study away, behind the source's back. */
  readonly loseInstance: (ref: DeidentifiedStudyRef) => Promise<void>
  /** Makes what is left of a study unreadable while a stream of it is open. */
  readonly breakStreams: (ref: DeidentifiedStudyRef) => Promise<void>
  /** Makes the source unable to answer. */
  readonly stop: () => Promise<void>
  /** Texts that no error may hold, such as the place where the source keeps its files. */
  readonly markers: ReadonlyArray<string>
}

type H = ImageSourceHarness

const expectNotFound = async (h: H, ref: DeidentifiedStudyRef): Promise<void> => {
  for (const error of [await fail(h.source.describe(ref)), await fail(h.source.openArchive(ref))]) {
    expect(error).to.deep.equal({ _tag: 'StudyNotFound', study: ref.pseudoStudyUid })
  }
}
const archiveOf = async (h: H, { study }: SyntheticStudy): Promise<Buffer> =>
  readAll(await succeed(h.source.openArchive(study.ref)))

const plain = ({ instances }: SyntheticStudy): unknown =>
  instances.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('base64')])
const unzipped = (zip: Buffer): unknown =>
  entriesOf(zip).map(({ name, bytes }) => [name, Buffer.from(bytes).toString('base64')])

/** Locations that are no study of a source: most would lead out of a folder. */
const foreignLocations = [
  '',
  '.',
  '..',
  '../..',
  '/',
  '/etc',
  '../first',
  './x',
  'a/../..',
  'a\\..',
  '\0',
  'x'.repeat(5000),
]

/** What every {@link ImageSource} keeps to. */
export const imageSourceContract: ReadonlyArray<Clause<ImageSourceHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      h.source.discard(h.first.study.ref)
      await letStrayWorkShow()
      expect(await succeed(h.source.describe(h.first.study.ref))).to.deep.equal(h.first.study)
    },
  },
  {
    title: 'counts the series, instances and bytes of each study',
    run: async (h) => {
      for (const { study } of [h.first, h.second]) {
        expect(await succeed(h.source.describe(study.ref))).to.deep.equal(study)
      }
    },
  },
  {
    title: 'gives a zip of all instances, stored, sorted by name, byte for byte',
    run: async (h) => {
      for (const each of [h.first, h.second]) expect(unzipped(await archiveOf(h, each))).to.deep.equal(plain(each))
    },
  },
  {
    title: 'gives equal bytes each time, also to two readers at once',
    run: async (h) => {
      const once = await archiveOf(h, h.first)
      const [again, other, beside] = await Promise.all([
        archiveOf(h, h.first),
        archiveOf(h, h.second),
        archiveOf(h, h.first),
      ])
      expect(again.equals(once) && beside.equals(once)).to.equal(true)
      expect(other.equals(once)).to.equal(false)
    },
  },
  {
    title: 'does not find what it never held, or holds for another project or under another UID',
    run: async (h) => {
      const { ref } = h.first.study
      await expectNotFound(h, { ...ref, location: '2.25.999-1' })
      await expectNotFound(h, { ...ref, project: known(ProjectSlug, 'project-two') })
      await expectNotFound(h, { ...ref, pseudoStudyUid: known(PseudoStudyUid, '2.25.999') })
      await expectNotFound(h, { ...ref, location: h.second.study.ref.location })
    },
  },
  {
    title: 'does not find a study that lost an instance',
    run: async (h) => {
      await h.loseInstance(h.first.study.ref)
      await expectNotFound(h, h.first.study.ref)
      expect(await succeed(h.source.describe(h.second.study.ref))).to.deep.equal(h.second.study)
    },
  },
  {
    title: 'finds nothing at a location that is not its own, and discards nothing there',
    run: async (h) => {
      for (const location of foreignLocations) {
        const ref = { ...h.first.study.ref, location }
        await expectNotFound(h, ref)
        expect(await succeed(h.source.discard(ref))).to.equal(undefined)
      }
      for (const { study } of [h.first, h.second]) {
        expect(await succeed(h.source.describe(study.ref))).to.deep.equal(study)
      }
    },
  },
  {
    title: 'discards a study once or twice, and no other',
    run: async (h) => {
      await succeed(h.source.discard(h.first.study.ref))
      await succeed(h.source.discard(h.first.study.ref))
      await expectNotFound(h, h.first.study.ref)
      expect(unzipped(await archiveOf(h, h.second))).to.deep.equal(plain(h.second))
    },
  },
  {
    title: 'lets a stream throw when the study breaks under it, rather than end early',
    run: async (h) => {
      const stream = (await succeed(h.source.openArchive(h.first.study.ref)))[Symbol.asyncIterator]()
      expect((await stream.next()).done).to.not.equal(true)
      await h.breakStreams(h.first.study.ref)
      let failure: unknown = null
      try {
        while ((await stream.next()).done !== true);
      } catch (caught) {
        failure = caught
      }
      expect(failure, 'the stream ended as if it were whole').to.be.an('error')
      for (const marker of h.markers) expect(inspect(failure, { depth: 9 })).not.to.contain(marker)
    },
  },
  {
    title: 'tells an outage from a missing study, calls it transient and names no place',
    run: async (h) => {
      const { ref } = h.first.study
      await h.stop()
      for (const task of [h.source.describe(ref), h.source.openArchive(ref)]) {
        const error = await fail<Parameters<typeof describeError>[0], unknown>(task)
        expect(error._tag).to.equal('Unavailable')
        expect(isTransient(error)).to.equal(true)
        for (const marker of h.markers)
          expect(inspect(error, { depth: 9 }) + describeError(error)).not.to.contain(marker)
      }
      expect(await h.source.discard(ref)()).to.satisfy(
        (answer: E.Either<{ _tag: string }, void>) => E.isRight(answer) || answer.left._tag === 'Unavailable',
      )
    },
  },
  {
    title: 'leaves no handle open, whether a stream is read to its end, left early or never begun',
    run: (h) =>
      expectNoNewHandle(async () => {
        await succeed(h.source.describe(h.first.study.ref))
        await archiveOf(h, h.first)
        await succeed(h.source.openArchive(h.first.study.ref))
        let chunks = 0
        for await (const _chunk of await succeed(h.source.openArchive(h.first.study.ref))) if (++chunks === 2) break
        expect(chunks).to.equal(2)
      }),
  },
]
