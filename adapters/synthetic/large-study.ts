import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCsv } from './cohorts.js'
import type { Encoding } from './dicom-writer.js'
import { element, encodeDataSet, encodeFileHead } from './dicom-writer.js'
import { instanceDataSet } from './instances.js'
import type { Marker } from './markers.js'
import { makePlanter } from './markers.js'
import type { SeriesFacts, StudyFacts } from './modules.js'
import { sopClasses } from './modules.js'
import type { SeriesPlan, StudyPlan } from './plans.js'
import { writeProjects } from './projects.js'
import { makeRandom } from './random.js'
import type { Hospital } from './studies.js'
import { isoDate, seriesFacts, studyFacts } from './studies.js'

/** One study on disk with a cohort that asks for it on behalf of `lung-nodules`. */
export interface LargeStudy {
  readonly images: string
  readonly projects: string
  readonly cohortCsv: string
  readonly instances: number
  readonly markers: ReadonlyArray<Marker>
}

const bytesPerPixel = 2
const rowsTag = 0x00280010
const columnsTag = 0x00280011
const pixelDataTag = 0x7fe00010

const encoding: Encoding = { transferSyntax: 'explicit', sequences: 'defined' }

/** Noise within the 12 bits the header declares. */
const noise = (hospital: Hospital, side: number): Buffer => {
  const pixels = Buffer.alloc(side * side * bytesPerPixel)
  for (let at = 0; at < pixels.length; at += bytesPerPixel) pixels.writeUInt16LE(hospital.random.below(4096), at)
  return pixels
}

/** Everything of an instance that stands before the pixels. */
const beforePixels = (
  study: StudyFacts,
  series: SeriesFacts,
  number: number,
  side: number,
  hospital: Hospital,
): Buffer => {
  const sopInstanceUid = `${series.seriesInstanceUid}.${number}`
  const instance = { sopInstanceUid, number, burnt: '', burnedInAnnotation: 'NO' } as const
  const small = instanceDataSet(study, series, instance, encoding, hospital.random)
  const dataSet = [
    ...small.filter(({ tag }) => tag !== rowsTag && tag !== columnsTag && tag < pixelDataTag),
    element(rowsTag, 'US', [side]),
    element(columnsTag, 'US', [side]),
  ]
  const pixelHeader = Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, 0, 0, 0, 0])
  pixelHeader.writeUInt32LE(side * side * bytesPerPixel, 8)
  const head = { sopClassUid: sopClasses.CT, sopInstanceUid, sourceAeTitle: 'LARGE', preamble: '' }
  return Buffer.concat([encodeFileHead(head, encoding), encodeDataSet(dataSet, encoding), pixelHeader])
}

/**
 * Writes a CT study of about that many bytes, with the project and the cohort that ask for it. Its images are squares of
 * `side` pixels: instances of 8 MiB, or of 512 KiB with the 512 pixels of most scanners. Memory does not grow with size.
 */
export const writeLargeStudy = async (directory: string, bytes: number, side = 2048): Promise<LargeStudy> => {
  const paths = {
    images: join(directory, 'images'),
    projects: join(directory, 'projects'),
    cohortCsv: join(directory, 'cohort.csv'),
  }
  const random = makeRandom(bytes)
  const planter = makePlanter()
  const uidRoot = planter.plant('root of the original UIDs', `1.3.6.1.4.1.32473.7.${random.digits(9)}`)
  const hospital = { random, planter, uidRoot }
  const instances = Math.max(2, Math.round(bytes / (side * side * bytesPerPixel)))
  const seriesPlan: SeriesPlan = { kind: 'CT', description: 'Axial', number: 2, instances, burnt: false }
  const plan: StudyPlan = {
    key: 'large',
    script: 'ascii',
    encoding,
    manufacturer: 'northwind',
    series: [seriesPlan],
    layout: 'flat',
    flaw: 'none',
    sameOrderAs: null,
  }
  const study = studyFacts(plan, 1, null, hospital)
  const series = seriesFacts(plan, study, seriesPlan, hospital)
  const pixels = noise(hospital, side)
  await mkdir(paths.images, { recursive: true })
  for (let number = 1; number <= instances; number++) {
    const file = await open(join(paths.images, `IM${number}`), 'w')
    try {
      await file.writeFile(beforePixels(study, series, number, side, hospital))
      await file.writeFile(pixels)
    } finally {
      await file.close()
    }
  }
  await writeProjects(paths.projects)
  const row = {
    project: 'lung-nodules',
    procedureOccurrenceId: 1,
    mrn: study.patient.mrn,
    accessionNumber: study.accessionNumber,
    studyInstanceUid: study.studyInstanceUid,
    seriesInstanceUids: [],
    studyDate: isoDate(study.date),
    participantId: 'SUBJ-1',
  } as const
  await writeCsv(paths.cohortCsv, [row], '2023-12-07T14:08:58Z')
  return { ...paths, instances, markers: planter.planted() }
}
