import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CohortRow } from './cohorts.js'
import { writeCsv, writeExtract } from './cohorts.js'
import type { Marker } from './markers.js'
import { makePlanter } from './markers.js'
import { makePatient } from './patients.js'
import { exportablePlans, laterPlan, refusedPlans } from './plans.js'
import { writeProjects } from './projects.js'
import { makeRandom } from './random.js'
import type { Expected, RequestPlan } from './requests.js'
import { csvRequests, expectedOf, extractRequests, laterRequests } from './requests.js'
import type { Hospital, ImageFile, Study } from './studies.js'
import { makeStudy } from './studies.js'

/** A hospital on disk: where things are, and what runs over them must give. */
export interface SyntheticHospital {
  /** Folder of DICOM files and of files that are not. */
  readonly images: string
  /** Folder of project configurations. */
  readonly projects: string
  /** OMOP ES extract of `lung-nodules`, batched layout. */
  readonly extract: string
  /** A later one of the same project, single-file layout: some of the same studies and one more. */
  readonly extractSingle: string
  /** CSV cohort of all projects. */
  readonly cohortCsv: string
  /** Counts by project at the end of a run over each input, on a fresh state but for `extractThenSingle`. */
  readonly expected: {
    readonly extract: Expected
    readonly extractSingle: Expected
    readonly extractThenSingle: Expected
    readonly csv: Expected
  }
  /** Every identifier planted: nothing of it may be found in what leaves the hospital, nor in what is printed. */
  readonly markers: ReadonlyArray<Marker>
}

export interface SyntheticOptions {
  /** The same seed gives the same hospital, byte for byte (DuckDB's parquet files excepted). */
  readonly seed?: number
  /** How many times the ordinary studies are there, each time of other patients. */
  readonly scale?: number
}

const writeImage = async (images: string, { path, bytes }: ImageFile): Promise<void> => {
  await mkdir(dirname(join(images, path)), { recursive: true })
  await writeFile(join(images, path), bytes)
}

/** What lies in an image folder besides images. */
const clutter = (study: Study): ReadonlyArray<ImageFile> => {
  const text = `Transferred for ${study.patient.family}, ${study.patient.given} (${study.mrn})\r\n`
  const file = (path: string, bytes: Uint8Array | string): ImageFile => ({ path, bytes: Buffer.from(bytes) })
  return [
    file('README.txt', text),
    file('export from CT 2/DICOMDIR', `DICOMDIR\n${study.files.map(({ path }) => path).join('\n')}\n`),
    file('export from CT 2/Thumbs.db', Buffer.alloc(3000, 0xd0)),
    file('loose/empty.dcm', ''),
    file('loose/short', 'DICM'),
    file('loose/recovered.dcm', Buffer.concat([Buffer.alloc(128), Buffer.from(`DICM${text}`)])),
    file('loose/cut-in-header.dcm', study.files[0]!.bytes.subarray(0, 300)),
    file('pacs/.DS_Store', Buffer.alloc(64, 1)),
  ]
}

/** Writes all studies, holding the files of one at a time. */
const writeStudies = async (images: string, scale: number, hospital: Hospital): Promise<ReadonlyMap<string, Study>> => {
  const copies = Array.from({ length: scale - 1 }, (_, i) =>
    exportablePlans.map((plan) => ({ ...plan, key: `${plan.key}, copy ${i + 1}` })),
  )
  const studies = new Map<string, Study>()
  for (const plan of [...exportablePlans, laterPlan, ...refusedPlans, ...copies.flat()]) {
    const before = plan.sameOrderAs === null ? null : studies.get(plan.sameOrderAs)!
    const study = makeStudy(plan, studies.size + 1, before, hospital)
    for (const file of study.files) await writeImage(images, file)
    if (studies.size === 0) for (const file of clutter(study)) await writeImage(images, file)
    studies.set(plan.key, { ...study, files: [] })
  }
  return studies
}

/** A study that some cohort names and no archive has. */
const nowhere = ({ random, planter, uidRoot }: Hospital): Study => {
  const patient = makePatient(0, 'ascii', random, planter)
  return {
    key: 'nowhere',
    mrn: patient.mrn,
    patient,
    accessionNumber: planter.plant('accession number nowhere', `AX${random.digits(4)}V${random.digits(4)}`),
    studyInstanceUid: `${uidRoot}.80000`,
    studyDate: '2020-02-29',
    series: [],
    files: [],
  }
}

/** One participant for each patient of a project. */
const participantOf = (project: string, { patient }: Study): string => {
  const mixed = Array.from(`${project} ${patient.mrn}`).reduce(
    (hash, character) => (Math.imul(hash, 31) + character.codePointAt(0)!) >>> 0,
    7,
  )
  return `SUBJ-${mixed.toString(36)}`
}

const rowOf = (request: RequestPlan, study: Study, procedureOccurrenceId: number, uidRoot: string): CohortRow => {
  const withUid = request.by === 'all'
  const wrongUid = request.by === 'order and wrong uid'
  return {
    project: request.project,
    procedureOccurrenceId,
    mrn: study.mrn,
    accessionNumber: request.by === 'wildcard' ? '*' : study.accessionNumber,
    studyInstanceUid: withUid ? study.studyInstanceUid : wrongUid ? `${uidRoot}.${80000 + procedureOccurrenceId}` : '',
    seriesInstanceUids: study.series
      .filter(({ description }) => request.series.includes(description))
      .map(({ seriesInstanceUid }) => seriesInstanceUid),
    studyDate: study.studyDate,
    participantId: participantOf(request.project, study),
  }
}

/** Rows that give no request of their own: a repetition, and one that names no study. */
const uselessRows = ([first]: ReadonlyArray<CohortRow>): ReadonlyArray<CohortRow> => [
  { ...first!, procedureOccurrenceId: 900001 },
  { ...first!, procedureOccurrenceId: 900002, accessionNumber: '', studyInstanceUid: '' },
]

/**
 * Writes a made-up hospital into a directory: a messy folder of images, two OMOP ES extracts, a CSV cohort and the
 * configuration of four projects, some 30 studies that end in every way a folder of files can cause.
 */
export const makeSyntheticHospital = async (
  directory: string,
  { seed = 1, scale = 1 }: SyntheticOptions = {},
): Promise<SyntheticHospital> => {
  const random = makeRandom(seed)
  const planter = makePlanter()
  const uidRoot = planter.plant('root of the original UIDs', `1.3.6.1.4.1.32473.7.${random.digits(9)}`)
  const hospital = { random, planter, uidRoot }
  const at = (name: string): string => join(directory, name)
  const paths = {
    images: at('images'),
    projects: at('projects'),
    extract: at('extract'),
    extractSingle: at('extract-single'),
  }

  const studies = new Map(await writeStudies(paths.images, scale, hospital))
  studies.set('nowhere', nowhere(hospital))
  const rows = (requests: ReadonlyArray<RequestPlan>, firstProcedure: number): ReadonlyArray<CohortRow> =>
    requests.map((request, i) => rowOf(request, studies.get(request.study)!, firstProcedure + i, uidRoot))

  const copies = [...studies.keys()].filter((key) => key.includes(', copy '))
  const first = extractRequests(copies)
  const firstRows = rows(first, 1000)
  const csvRows = rows(csvRequests, 3000)
  await writeProjects(paths.projects)
  await writeExtract(paths.extract, [...firstRows, ...uselessRows(firstRows)], 'batched', '2023-12-07 14:08:58')
  await writeExtract(paths.extractSingle, rows(laterRequests, 2000), 'single', '2024-03-05 09:30:00')
  const undated = { ...csvRows[1]!, procedureOccurrenceId: 900003, studyDate: '2021-13-45' }
  await writeCsv(at('cohort.csv'), [...csvRows, ...uselessRows(csvRows), undated], '2023-12-07T14:08:58Z')

  const added = laterRequests.filter(({ study }) => study === laterPlan.key)
  return {
    ...paths,
    cohortCsv: at('cohort.csv'),
    expected: {
      extract: expectedOf(first),
      extractSingle: expectedOf(laterRequests),
      extractThenSingle: expectedOf([...first, ...added]),
      csv: expectedOf(csvRequests),
    },
    markers: planter.planted(),
  }
}
