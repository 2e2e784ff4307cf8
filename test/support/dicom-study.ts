import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { known, ProjectSlug, PseudoPatientId } from '../../domain/identifiers.js'
import type { Project, ProjectConfig } from '../../domain/project.js'
import type { Pseudonyms } from '../../domain/pseudonyms.js'
import { pseudonymsFor, pseudoStudyUidOf } from '../../domain/pseudonyms.js'
import { sensitive } from '../../domain/sensitive.js'
import type { RawStudyRef } from '../../domain/study.js'
import type { Tag, TagAction } from '../../domain/tags.js'
import { tagText } from '../../domain/tags.js'
import type { DataSet, TestElement } from './dicom.js'
import { el } from './dicom.js'

export const ctStorage = '1.2.840.10008.5.1.4.1.1.2'
export const originalStudyUid = '1.2.826.0.1.3680043.9.77.1'

/** An element as dicom-parser and the walker are compared on: where it is in the tree, VR and value as hex. */
export type Flat = ReadonlyArray<string>

/** A directory for one test. */
export const makeDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'pixl-dicom-'))
export const removeDirectory = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

/** A project that keeps what the actions list and lets everything of CT by Acme through. */
export const projectOf = (
  actions: Readonly<Record<number, TagAction>> | ReadonlyMap<Tag, TagAction>,
  config: Partial<ProjectConfig> = {},
): Project => ({
  config: {
    project: { name: known(ProjectSlug, 'test-project'), modalities: ['CT'], azureKvAlias: null },
    tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
    imageOperationFiles: { deidRecipes: [] },
    allowedManufacturers: [{ regex: '^acme', excludeSeriesNumbers: [] }],
    minInstancesPerSeries: 1,
    seriesFilters: [],
    allowSecondaryCapture: false,
    destination: { dicom: [], parquet: null },
    ...config,
  },
  scheme: {
    base:
      actions instanceof Map
        ? actions
        : new Map(Object.entries(actions).map(([tag, action]) => [Number(tag), action as TagAction])),
    overrides: [],
  },
})

const key = sensitive<'Secret'>('a key for tests')
const slug = known(ProjectSlug, 'test-project')

export const pseudonymsOf = (studyUid = originalStudyUid, patientId = 'pseudo-patient-1'): Pseudonyms =>
  pseudonymsFor(
    { installationKey: key, projectSalt: sensitive('salt'), localSalt: sensitive('') },
    slug,
    sensitive(studyUid),
    {
      pseudoStudyUid: pseudoStudyUidOf(key, slug, sensitive(studyUid)),
      pseudoPatientId: known(PseudoPatientId, patientId),
    },
  )

export interface InstanceFields {
  readonly series?: string
  readonly number?: number
  readonly studyUid?: string
  readonly modality?: string
  readonly description?: string
  readonly patientId?: string
}

/** A CT instance of one series; every identifier in it is made up. `more` replaces elements of the same tag. */
export const ctInstance = (fields: InstanceFields = {}, more: DataSet = []): DataSet => {
  const { series = '1', number = 1, studyUid = originalStudyUid } = fields
  const standard: DataSet = [
    el(0x00080005, 'CS', 'ISO_IR 100'),
    el(0x00080008, 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'),
    el(0x00080016, 'UI', ctStorage),
    el(0x00080018, 'UI', `${studyUid}.${series}.${number}`),
    el(0x00080020, 'DA', '20220304'),
    el(0x00080050, 'SH', 'ACC-ZZLEAK-1'),
    el(0x00080060, 'CS', fields.modality ?? 'CT'),
    el(0x00080070, 'LO', 'Acme Imaging'),
    el(0x0008103e, 'LO', fields.description ?? 'Thorax axial'),
    el(0x00100010, 'PN', 'ZZLEAK^Jane'),
    el(0x00100020, 'LO', fields.patientId ?? 'MRN-ZZLEAK-1'),
    el(0x00100030, 'DA', '19391224'),
    el(0x0020000d, 'UI', studyUid),
    el(0x0020000e, 'UI', `${studyUid}.${series}`),
    el(0x00200011, 'IS', series),
    el(0x00200013, 'IS', String(number)),
    el(0x00280010, 'US', [2]),
    el(0x00280011, 'US', [2]),
    el(0x00280100, 'US', [8]),
    el(0x7fe00010, 'OW', Buffer.from([1, 2, 3, number % 256])),
  ]
  const byTag = new Map<number, TestElement>([...standard, ...more].map((element) => [element.tag, element]))
  return [...byTag.values()].sort((a, b) => a.tag - b.tag)
}

/** Writes files as the instances of one study. */
export const writeStudy = async (
  directory: string,
  files: ReadonlyArray<Buffer>,
  studyUid = originalStudyUid,
): Promise<RawStudyRef> => {
  const paths = files.map((_, i) => join(directory, `raw-${i}`))
  for (const [i, bytes] of files.entries()) await writeFile(paths[i]!, bytes)
  return { _tag: 'RawStudyRef', studyInstanceUid: sensitive(studyUid), files: paths.map((path) => sensitive(path)) }
}

/** Every file below a folder, by path relative to it, sorted. */
export const filesBelow = async (folder: string): Promise<ReadonlyArray<{ name: string; bytes: Buffer }>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })))
}

interface ParsedElement {
  readonly tag: string
  readonly vr?: string
  readonly dataOffset: number
  readonly length: number
  readonly items?: ReadonlyArray<{ readonly dataSet?: ParsedDataSet }>
  readonly fragments?: ReadonlyArray<{ readonly position: number; readonly length: number }>
}
interface ParsedDataSet {
  readonly elements: Readonly<Record<string, ParsedElement>>
  readonly byteArray: Uint8Array
}

/** Flattens what dicom-parser made of a file: one line per element, sequences by the path of their items. */
export const flatten = (dataSet: ParsedDataSet, path = ''): Flat =>
  Object.values(dataSet.elements)
    .filter(({ tag }) => path !== '' || !tag.startsWith('x0002'))
    .flatMap((element) => {
      const name = path + tagText(parseInt(element.tag.slice(1), 16))
      if (element.items !== undefined)
        return [name, ...element.items.flatMap(({ dataSet: d }, i) => (d ? flatten(d, `${name}[${i}]`) : []))]
      const ranges = element.fragments ?? [{ position: element.dataOffset, length: element.length }]
      const hex = ranges.map((r) =>
        Buffer.from(dataSet.byteArray.subarray(r.position, r.position + r.length)).toString('hex'),
      )
      return [`${name}=${hex.join('|')}`]
    })
