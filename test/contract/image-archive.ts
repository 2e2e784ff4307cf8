import { inspect } from 'node:util'
import { expect } from 'chai'
import type { RetrieveError } from '../../domain/errors.js'
import { describeError, isTransient } from '../../domain/errors.js'
import type { ArchiveName } from '../../domain/identifiers.js'
import { sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import type { RawStudyRef, StudyRequest } from '../../domain/study.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { Clause, Harness } from './contract.js'
import { expectNoNewHandle, letStrayWorkShow } from './handles.js'
import { fail, marker, succeed, syntheticRequest } from './synthetic.js'

/** One instance to be put into an archive, under the study named with it. */
export interface PlantedInstance {
  readonly studyInstanceUid: string
  readonly sopInstanceUid: string
  readonly patientId: string
  readonly accessionNumber: string
  /** Distinguishes instances that are otherwise the same: it must change the content of the file. */
  readonly content: string
}

/** An archive and hands that reach behind it. */
export interface ImageArchiveHarness extends Harness {
  readonly archive: ImageArchive
  /** Puts instances into the primary archive, each as a file of its own. */
  readonly put: (instances: ReadonlyArray<PlantedInstance>) => Promise<void>
  /** SOP Instance UIDs of the files of an answer, read from the files themselves, in any order. */
  readonly instanceUids: (raw: RawStudyRef) => Promise<ReadonlyArray<string>>
  /** Whether the archive has been asked anything yet. */
  readonly wasAsked: () => Promise<boolean>
  /** Whether the archive can come to hold two different files under one SOP Instance UID. */
  readonly canHoldConflicts: boolean
  /** Makes the archive unable to answer. */
  readonly stop: () => Promise<void>
}

const uidOf = (n: number): string => `1.2.840.99.${n}`
const mrnOf = (n: number): string => `${marker}-MRN-${n}`
const accessionOf = (n: number): string => `${marker}-ACC-${n}`

/** `count` instances of study `n`. */
const study = (n: number, fields: Partial<PlantedInstance> = {}, count = 3): ReadonlyArray<PlantedInstance> =>
  Array.from({ length: count }, (_, i) => ({
    studyInstanceUid: uidOf(n),
    sopInstanceUid: `${uidOf(n)}.1.${i}`,
    patientId: mrnOf(n),
    accessionNumber: accessionOf(n),
    content: `study ${n} instance ${i}`,
    ...fields,
  }))

const asking = (wanted: { uid?: string; mrn?: string; accession?: string }): StudyRequest => ({
  ...syntheticRequest(1),
  mrn: sensitiveOrNull(wanted.mrn),
  accessionNumber: sensitiveOrNull(wanted.accession),
  studyInstanceUid: sensitiveOrNull(wanted.uid),
})

type H = ImageArchiveHarness
const primary: ArchiveName = 'primary'

const expectStudy = async (h: H, request: StudyRequest, n: number, count = 3): Promise<void> => {
  const raw = await succeed(h.archive.retrieve(primary, request))
  expect(raw.studyInstanceUid.reveal()).to.equal(uidOf(n))
  expect(await h.instanceUids(raw)).to.have.members(study(n, {}, count).map(({ sopInstanceUid }) => sopInstanceUid))
}
const expectError = async (h: H, request: StudyRequest, tag: RetrieveError['_tag']): Promise<RetrieveError> => {
  const error = await fail(h.archive.retrieve(primary, request))
  expect(error._tag).to.equal(tag)
  return error
}

/** What every {@link ImageArchive} keeps to. */
export const imageArchiveContract: ReadonlyArray<Clause<ImageArchiveHarness>> = [
  {
    title: 'asks nothing until the task is run',
    run: async (h) => {
      await h.put(study(1))
      h.archive.retrieve(primary, asking({ uid: uidOf(1) }))
      h.archive.probe(primary)
      await letStrayWorkShow()
      expect(await h.wasAsked()).to.equal(false)
    },
  },
  {
    title: 'finds a study by StudyInstanceUID, with all its instances and no other',
    run: async (h) => {
      await h.put([...study(1), ...study(2)])
      await expectStudy(h, asking({ uid: uidOf(1) }), 1)
      await expectStudy(h, asking({ uid: uidOf(2) }), 2)
    },
  },
  {
    title: 'returns all instances whatever series are asked for, each time anew',
    run: async (h) => {
      await h.put(study(1))
      const { seriesInstanceUids } = syntheticRequest(1, { series: ['1.2.840.99.1.7'] })
      await expectStudy(h, { ...asking({ uid: uidOf(1) }), seriesInstanceUids }, 1)
      await expectStudy(h, asking({ uid: uidOf(1) }), 1)
    },
  },
  {
    title: 'finds a study by MRN and AccessionNumber, both exactly',
    run: async (h) => {
      await h.put([...study(1), ...study(2, { patientId: mrnOf(1) })])
      await expectStudy(h, asking({ mrn: mrnOf(1), accession: accessionOf(2) }), 2)
      await expectError(h, asking({ mrn: mrnOf(2), accession: accessionOf(2) }), 'StudyNotInArchive')
      await expectError(h, asking({ mrn: mrnOf(1), accession: accessionOf(2).toLowerCase() }), 'StudyNotInArchive')
      await expectError(h, asking({ mrn: mrnOf(1), accession: accessionOf(2).slice(0, -1) }), 'StudyNotInArchive')
    },
  },
  {
    title: 'falls back to MRN and AccessionNumber when the StudyInstanceUID finds nothing',
    run: async (h) => {
      await h.put(study(1))
      await expectStudy(h, asking({ uid: uidOf(9), mrn: mrnOf(1), accession: accessionOf(1) }), 1)
    },
  },
  {
    title: 'never takes another study of the patient for one whose StudyInstanceUID finds nothing',
    run: async (h) => {
      await h.put(study(1))
      await expectError(h, asking({ uid: uidOf(9), mrn: mrnOf(1) }), 'StudyNotInArchive')
    },
  },
  {
    title: 'finds a study by the one of MRN and AccessionNumber that is given',
    run: async (h) => {
      await h.put([...study(1), ...study(2)])
      await expectStudy(h, asking({ mrn: mrnOf(1) }), 1)
      await expectStudy(h, asking({ accession: accessionOf(2) }), 2)
    },
  },
  {
    title: 'ignores white space around the identifiers of a request',
    run: async (h) => {
      await h.put(study(1))
      const spaced = { mrn: sensitive<'Mrn'>(` ${mrnOf(1)} `), accessionNumber: sensitive<'AccessionNumber'>(' ') }
      await expectStudy(h, { ...asking({}), ...spaced }, 1)
    },
  },
  {
    title: 'takes wildcards for plain characters',
    run: async (h) => {
      await h.put(study(1))
      for (const wild of ['*', '?', `${marker}*`, `${marker}-ACC-?`, '', '\\', '%']) {
        await expectError(h, asking({ mrn: wild, accession: wild }), 'StudyNotInArchive')
      }
      await expectError(h, asking({ uid: '*' }), 'StudyNotInArchive')
    },
  },
  {
    title: 'never takes a study without MRN or AccessionNumber for the one of a request that gives neither',
    run: async (h) => {
      await h.put(study(1, { patientId: '', accessionNumber: '' }))
      await expectError(h, asking({}), 'StudyNotInArchive')
      await expectError(h, asking({ mrn: mrnOf(1) }), 'StudyNotInArchive')
    },
  },
  {
    title: 'says how many studies match when several do',
    run: async (h) => {
      await h.put([...study(1), ...study(2, { patientId: mrnOf(1) }), ...study(3)])
      expect(await expectError(h, asking({ mrn: mrnOf(1) }), 'SeveralMatches')).to.deep.equal({
        _tag: 'SeveralMatches',
        archive: primary,
        count: 2,
      })
    },
  },
  {
    title: 'refuses a study that belongs to another patient than the request names',
    run: async (h) => {
      await h.put(study(1))
      await expectError(h, asking({ uid: uidOf(1), mrn: mrnOf(2) }), 'IdentityMismatch')
      await expectError(h, asking({ uid: uidOf(1), mrn: mrnOf(1).toLowerCase() }), 'IdentityMismatch')
    },
  },
  {
    title: 'refuses a study of which one instance belongs to another patient',
    run: async (h) => {
      const [first, second, third] = study(1)
      await h.put([first!, second!, { ...third!, patientId: mrnOf(2) }])
      await expectError(h, asking({ uid: uidOf(1), mrn: mrnOf(1) }), 'IdentityMismatch')
      await expectError(h, asking({ mrn: mrnOf(1), accession: accessionOf(1) }), 'IdentityMismatch')
    },
  },
  {
    title: 'says of which archive a study is absent, and keeps archives apart',
    run: async (h) => {
      await h.put(study(1))
      for (const archive of ['primary', 'secondary'] as const) {
        const uid = archive === 'primary' ? uidOf(2) : uidOf(1)
        const error = await fail(h.archive.retrieve(archive, asking({ uid })))
        expect(error).to.deep.equal({ _tag: 'StudyNotInArchive', archive })
        expect(isTransient(error)).to.equal(false)
      }
    },
  },
  {
    title: 'returns an instance once that it holds twice',
    run: async (h) => {
      await h.put([...study(1), ...study(1).slice(0, 1)])
      await expectStudy(h, asking({ uid: uidOf(1) }), 1)
    },
  },
  {
    title: 'refuses a study with two different instances of one UID',
    appliesTo: (h) => h.canHoldConflicts,
    run: async (h) => {
      await h.put([...study(1), { ...study(1)[0]!, content: 'something else' }])
      await expectError(h, asking({ uid: uidOf(1) }), 'UnreadableStudy')
    },
  },
  {
    title: 'serves several requests at once without mixing them',
    run: async (h) => {
      await h.put([1, 2, 3, 4].flatMap((n) => study(n, {}, n)))
      await Promise.all([1, 2, 3, 4].map((n) => expectStudy(h, asking({ uid: uidOf(n) }), n, n)))
    },
  },
  {
    title: 'answers a probe while it works',
    run: async (h) => {
      expect(await succeed(h.archive.probe(primary))).to.equal(undefined)
    },
  },
  {
    title: 'tells an outage from an absent study, and calls it transient',
    run: async (h) => {
      await h.put(study(1))
      await expectStudy(h, asking({ uid: uidOf(1) }), 1)
      await h.stop()
      for (const uid of [uidOf(1), uidOf(2)]) {
        expect(isTransient(await expectError(h, asking({ uid }), 'Unavailable'))).to.equal(true)
      }
      expect((await fail(h.archive.probe(primary)))._tag).to.equal('Unavailable')
    },
  },
  {
    title: 'names no identifier in any error',
    run: async (h) => {
      await h.put([...study(1), ...study(2, { patientId: mrnOf(1) }), ...study(3)])
      const requests = [
        asking({ uid: uidOf(9), mrn: mrnOf(9), accession: accessionOf(9) }),
        asking({ mrn: mrnOf(1) }),
        asking({ uid: uidOf(3), mrn: mrnOf(1) }),
      ]
      const errors: Array<RetrieveError> = []
      for (const request of requests) errors.push(await fail(h.archive.retrieve(primary, request)))
      await h.stop()
      errors.push(await fail(h.archive.retrieve(primary, requests[0]!)))
      for (const error of errors) {
        const text = JSON.stringify(error) + inspect(error, { depth: 9, showHidden: true }) + describeError(error)
        expect(text).not.to.contain(marker)
        expect(text).not.to.contain('1.2.840.99')
      }
    },
  },
  {
    title: 'leaves no handle open',
    run: async (h) => {
      await h.put(study(1))
      await expectStudy(h, asking({ uid: uidOf(1) }), 1)
      await expectNoNewHandle(async () => {
        await expectStudy(h, asking({ uid: uidOf(1) }), 1)
        await fail(h.archive.retrieve(primary, asking({ uid: uidOf(9) })))
        await succeed(h.archive.probe(primary))
      })
    },
  },
]
