import { expect } from 'chai'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describeError, isTransient } from '../../domain/errors.js'
import type { PseudoPatientId, PseudoStudyUid } from '../../domain/identifiers.js'
import { known, ProjectSlug, PseudoPatientId as PatientCodec } from '../../domain/identifiers.js'
import type { InstanceFacts, Project, ProjectConfig } from '../../domain/project.js'
import type { Pseudonyms } from '../../domain/pseudonyms.js'
import { pseudonymsFor, pseudoStudyUidOf } from '../../domain/pseudonyms.js'
import { sensitive } from '../../domain/sensitive.js'
import type { DeidentifiedStudyRef, RawStudyRef } from '../../domain/study.js'
import type { TagAction } from '../../domain/tags.js'
import type { Deidentification, Deidentifier } from '../../ports/deidentifier.js'
import type { Clause, Harness } from './contract.js'
import { fail, marker, succeed } from './synthetic.js'

/** An original instance the harness is to make readable. Every identifier of it is planted. */
export interface OriginalInstance {
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
  readonly patientId: string
  readonly patientName: string
  readonly accessionNumber: string
  readonly facts: InstanceFacts
  /** Pixel data: at least 256 bytes that no other instance has; must leave unchanged. */
  readonly pixels: Uint8Array
}

/** What was written for a reference, as the ImageSource would find it. */
export interface DeliveredStudy {
  readonly pseudoStudyUid: PseudoStudyUid
  readonly pseudoPatientId: PseudoPatientId
  readonly seriesCount: number
  readonly instanceCount: number
  readonly bytes: number | null
  /** Sorted by name. */
  readonly instances: ReadonlyArray<{ readonly name: string; readonly bytes: Uint8Array }>
}

/** A de-identifier, and hands that reach behind it. */
export interface DeidentifierHarness extends Harness {
  readonly deidentifier: Deidentifier
  /** Makes instances readable as one study; `spoiled` instances exist but are damaged or missing. */
  readonly makeStudy: (
    studyInstanceUid: string,
    instances: ReadonlyArray<OriginalInstance>,
    spoiled?: { readonly index: number; readonly how: 'damaged' | 'missing' },
  ) => Promise<RawStudyRef>
  /** Looks where the study was written, not through the port; null when nothing is found there. */
  readonly delivered: (ref: DeidentifiedStudyRef) => Promise<DeliveredStudy | null>
  /** Names of everything below the place studies are written to, finished or not. */
  readonly everything: () => Promise<ReadonlyArray<string>>
}

const slug = known(ProjectSlug, 'project-one')
const studyUid = '1.2.826.0.1.3680043.9.4242.1'
const key = sensitive<'Secret'>('a key for the contract')

const pseudonymsOf = (uid: string): Pseudonyms =>
  pseudonymsFor(
    { installationKey: key, projectSalt: sensitive('salt'), localSalt: sensitive('') },
    slug,
    sensitive(uid),
    {
      pseudoStudyUid: pseudoStudyUidOf(key, slug, sensitive(uid)),
      pseudoPatientId: known(PatientCodec, 'pseudo-patient'),
    },
  )
const pseudonyms = pseudonymsOf(studyUid)

const listed: ReadonlyArray<readonly [number, TagAction]> = [
  [0x00080060, 'keep'],
  [0x00280010, 'keep'],
  [0x00280011, 'keep'],
  [0x00280100, 'keep'],
  [0x7fe00010, 'keep'],
]

const projectOf = (config: Partial<ProjectConfig> = {}): Project => ({
  config: {
    project: { name: slug, modalities: ['CT', 'MR'], azureKvAlias: null },
    tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
    imageOperationFiles: { deidRecipes: [] },
    allowedManufacturers: [{ regex: '^acme', excludeSeriesNumbers: [9] }],
    minInstancesPerSeries: 2,
    seriesFilters: ['scout'],
    allowSecondaryCapture: false,
    destination: { dicom: [], parquet: null },
    ...config,
  },
  scheme: { base: new Map(listed), overrides: [] },
})

const facts: InstanceFacts = {
  modality: 'CT',
  manufacturer: 'Acme Imaging',
  seriesNumber: 1,
  seriesDescription: 'Thorax',
  sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
  burnedInAnnotation: 'NO',
  imageType: ['ORIGINAL', 'PRIMARY'],
  conversionType: '',
}

const seriesUid = (series: number, study = studyUid): string => `${study}.${series}`

/** Instances of one series. */
const seriesOf = (
  series: number,
  count: number,
  changes: Partial<InstanceFacts> = {},
  study = studyUid,
): ReadonlyArray<OriginalInstance> =>
  Array.from({ length: count }, (_, i) => ({
    studyInstanceUid: study,
    seriesInstanceUid: seriesUid(series, study),
    sopInstanceUid: `${seriesUid(series, study)}.${i + 1}`,
    patientId: `${marker}-mrn-1`,
    patientName: `${marker}^Jane`,
    accessionNumber: `${marker}-acc-1`,
    facts: { ...facts, seriesNumber: series, ...changes },
    pixels: Uint8Array.from({ length: 256 }, (_byte, at) => (at * 7 + series * 31 + i * 13) % 256),
  }))

const nameOf = ({ seriesInstanceUid, sopInstanceUid }: OriginalInstance): string =>
  `${pseudonyms.pseudoUid(seriesInstanceUid)}/${pseudonyms.pseudoUid(sopInstanceUid)}.dcm`

/** Two series that leave, one that does not by its modality, one too small, one filtered. */
const leaving = [...seriesOf(1, 3), ...seriesOf(2, 2, { modality: 'MR' })]
const mixed = [
  ...seriesOf(3, 1),
  ...leaving,
  ...seriesOf(4, 4, { modality: 'XA' }),
  ...seriesOf(5, 2, { seriesDescription: 'SCOUT view' }),
]

type Changes = { readonly requested?: ReadonlyArray<number>; readonly fence?: number; readonly project?: Project }

const run = (h: DeidentifierHarness, raw: RawStudyRef, { requested = [], fence = 1, project }: Changes = {}) =>
  h.deidentifier.deidentify(
    raw,
    pseudonyms,
    project ?? projectOf(),
    requested.map((series) => sensitive(seriesUid(series))),
    fence,
  )

const refOf = (answer: Deidentification): DeidentifiedStudyRef => {
  if (answer._tag === 'Skipped') throw new Error(`expected a study, got ${answer.reason}`)
  return answer.ref
}

const deliver = async (h: DeidentifierHarness, raw: RawStudyRef, changes: Changes = {}): Promise<DeliveredStudy> => {
  const found = await h.delivered(refOf(await succeed(run(h, raw, changes))))
  if (found === null) throw new Error('nothing was written')
  return found
}

const names = (study: DeliveredStudy): ReadonlyArray<string> => study.instances.map(({ name }) => name)

const original = /ZZLEAK|1\.2\.826\.0\.1\.3680043\.9\.4242/

/** The promises of {@link Deidentifier}. */
export const deidentifierContract: ReadonlyArray<Clause<DeidentifierHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      const raw = await h.makeStudy(studyUid, leaving)
      run(h, raw)
      await setImmediate()
      expect(await h.everything()).to.deep.equal([])
    },
  },
  {
    title: 'writes what may leave, each instance under its pseudonyms',
    run: async (h) => {
      const study = await deliver(h, await h.makeStudy(studyUid, mixed))
      expect(names(study)).to.deep.equal(leaving.map(nameOf).sort())
      expect(study).to.deep.include({
        pseudoStudyUid: pseudonyms.pseudoStudyUid,
        pseudoPatientId: pseudonyms.pseudoPatientId,
        seriesCount: 2,
        instanceCount: 5,
      })
      const sizes = study.instances.reduce((sum, { bytes }) => sum + bytes.length, 0)
      expect(study.bytes).to.be.oneOf([sizes, null])
    },
  },
  {
    title: 'leaves the pixels as they were',
    run: async (h) => {
      const study = await deliver(h, await h.makeStudy(studyUid, leaving))
      for (const instance of leaving) {
        const found = study.instances.find(({ name }) => name === nameOf(instance))
        expect(Buffer.from(found?.bytes ?? []).includes(Buffer.from(instance.pixels))).to.equal(true)
      }
    },
  },
  {
    title: 'names the reference by project, pseudonym and a location that differs between claims',
    run: async (h) => {
      const raw = await h.makeStudy(studyUid, leaving)
      const one = refOf(await succeed(run(h, raw, { fence: 1 })))
      const two = refOf(await succeed(run(h, raw, { fence: 2 })))
      expect(one).to.include({ project: slug, pseudoStudyUid: pseudonyms.pseudoStudyUid })
      expect(one.location).to.not.equal(two.location)
    },
  },
  {
    title: 'counts what is left out by reason',
    run: async (h) => {
      const { leftOut } = await succeed(run(h, await h.makeStudy(studyUid, mixed)))
      expect(leftOut).to.deep.equal({ TooFewInstances: 1, ModalityNotRetained: 4, SeriesFiltered: 2 })
    },
  },
  {
    title: 'skips a study of which nothing may leave, for its most frequent reason, and writes nothing',
    run: async (h) => {
      const staying = mixed.filter((instance) => !leaving.includes(instance))
      const answer = await succeed(run(h, await h.makeStudy(studyUid, staying)))
      expect(answer).to.include({ _tag: 'Skipped', reason: 'ModalityNotRetained' })
      expect(answer.leftOut).to.deep.equal({ TooFewInstances: 1, ModalityNotRetained: 4, SeriesFiltered: 2 })
      expect(await h.everything()).to.deep.equal([])
    },
  },
  {
    title: 'writes only the series that were requested',
    run: async (h) => {
      const raw = await h.makeStudy(studyUid, leaving)
      const study = await deliver(h, raw, { requested: [2, 77] })
      expect(names(study)).to.deep.equal(seriesOf(2, 2).map(nameOf).sort())
      const { leftOut } = await succeed(run(h, raw, { requested: [2] }))
      expect(leftOut).to.deep.equal({ SeriesNotRequested: 3 })
    },
  },
  {
    title: 'counts the instances of a series after its own have been left out',
    run: async (h) => {
      const series = [...seriesOf(1, 3).slice(0, 2), ...seriesOf(1, 3, { burnedInAnnotation: 'YES' }).slice(2)]
      const raw = await h.makeStudy(studyUid, series)
      const enough = await succeed(run(h, raw, { project: projectOf({ minInstancesPerSeries: 2 }) }))
      expect(enough.leftOut).to.deep.equal({ BurnedInPixels: 1 })
      const tooFew = await succeed(run(h, raw, { project: projectOf({ minInstancesPerSeries: 3 }) }))
      expect(tooFew).to.deep.include({ _tag: 'Skipped', leftOut: { BurnedInPixels: 1, TooFewInstances: 2 } })
    },
  },
  {
    title: 'lets no original identifier leave, in bytes or in names',
    run: async (h) => {
      const answer = await succeed(run(h, await h.makeStudy(studyUid, mixed)))
      const study = (await h.delivered(refOf(answer)))!
      expect(study.instances).to.have.length(5)
      for (const { bytes } of study.instances)
        expect(original.test(Buffer.from(bytes).toString('latin1'))).to.equal(false)
      expect(JSON.stringify([answer, names(study), await h.everything()])).to.not.match(original)
    },
  },
  {
    title: 'gives the same bytes when it is run again',
    run: async (h) => {
      const raw = await h.makeStudy(studyUid, mixed)
      const first = await deliver(h, raw)
      expect(first.instances).to.have.length(5)
      expect(await deliver(h, raw)).to.deep.equal(first)
      expect(await deliver(h, raw, { fence: 2 })).to.deep.equal(first)
    },
  },
  {
    title: 'does not disturb a run of another claim on the same study',
    run: async (h) => {
      const raw = await h.makeStudy(studyUid, leaving)
      const answers = await Promise.all([1, 2, 3].map((fence) => succeed(run(h, raw, { fence }))))
      for (const answer of answers) expect((await h.delivered(refOf(answer)))?.instances).to.have.length(5)
    },
  },
  {
    title: 'refuses a damaged instance and leaves nothing, not even of an earlier run of the claim',
    run: async (h) => {
      const ref = refOf(await succeed(run(h, await h.makeStudy(studyUid, leaving))))
      const error = await fail(run(h, await h.makeStudy(studyUid, leaving, { index: 4, how: 'damaged' })))
      expect(error._tag).to.equal('UnreadableStudy')
      expect(isTransient(error)).to.equal(false)
      expect(await h.delivered(ref)).to.equal(null)
      expect(await h.everything()).to.deep.equal([])
    },
  },
  {
    title: 'is unavailable, for now, when an instance cannot be read, and leaves nothing',
    run: async (h) => {
      const error = await fail(run(h, await h.makeStudy(studyUid, leaving, { index: 0, how: 'missing' })))
      expect(error).to.include({ _tag: 'Unavailable', port: 'Deidentifier' })
      expect(isTransient(error)).to.equal(true)
      expect(await h.everything()).to.deep.equal([])
    },
  },
  {
    title: 'refuses instances of another study',
    run: async (h) => {
      const foreign = seriesOf(1, 1, {}, `${studyUid}.77`)
      const error = await fail(run(h, await h.makeStudy(studyUid, [...leaving, ...foreign])))
      expect(error._tag).to.equal('UnreadableStudy')
      expect(await h.everything()).to.deep.equal([])
    },
  },
  {
    title: 'refuses two files of the same instance',
    run: async (h) => {
      const error = await fail(run(h, await h.makeStudy(studyUid, [...leaving, leaving[0]!])))
      expect(error._tag).to.equal('UnreadableStudy')
    },
  },
  {
    title: 'never rejects and tells no identifier in an error',
    run: async (h) => {
      for (const how of ['damaged', 'missing'] as const) {
        const error = await fail(run(h, await h.makeStudy(studyUid, leaving, { index: 2, how })))
        expect(JSON.stringify(error) + inspect(error) + describeError(error)).to.not.match(original)
      }
    },
  },
]
