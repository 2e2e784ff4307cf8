import { encodeFile } from './dicom-writer.js'
import type { InstanceFacts } from './instances.js'
import { instanceDataSet } from './instances.js'
import type { Planter } from './markers.js'
import type { SeriesFacts, StudyFacts } from './modules.js'
import { sopClasses } from './modules.js'
import type { Patient } from './patients.js'
import { makePatient, oddWord } from './patients.js'
import type { SeriesPlan, StudyPlan } from './plans.js'
import { manufacturers } from './plans.js'
import type { Random } from './random.js'

/** A file of the image folder. */
export interface ImageFile {
  /** Path inside the image folder, with `/`. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** A study as the hospital knows it, and the files it is made of. */
export interface Study {
  readonly key: string
  readonly mrn: string
  readonly patient: Patient
  readonly accessionNumber: string
  readonly studyInstanceUid: string
  /** `YYYY-MM-DD`. */
  readonly studyDate: string
  readonly series: ReadonlyArray<{ readonly description: string; readonly seriesInstanceUid: string }>
  readonly files: ReadonlyArray<ImageFile>
}

/** What studies are made up from. */
export interface Hospital {
  readonly random: Random
  readonly planter: Planter
  /** Every original UID of the hospital begins with it. */
  readonly uidRoot: string
}

/** Makes up who study number `index` is of, and plants what identifies them. */
export const studyFacts = (plan: StudyPlan, index: number, before: Study | null, hospital: Hospital): StudyFacts => {
  const { random, planter, uidRoot } = hospital
  const plant = (what: string, value: string): string => planter.plant(`study ${index} ${what}`, value)
  const patient = before?.patient ?? makePatient(index, plan.script, random, planter)
  const doctor = (): string => `${oddWord(random)}^${oddWord(random)}`
  const two = (below: number): string => String(random.below(below) + 1).padStart(2, '0')
  return {
    studyInstanceUid: plant('StudyInstanceUID', `${uidRoot}.${index}`),
    accessionNumber:
      before?.accessionNumber ?? plant('accession number', `AX${random.digits(3)}V${String(index).padStart(5, '0')}`),
    patient,
    patientId: plan.flaw === 'misfiled' ? plant('PatientID filed under', `RZ${random.digits(9)}`) : patient.mrn,
    date: `${2018 + random.below(5)}${two(12)}${two(28)}`,
    time: `${two(22)}${two(58)}${two(58)}`,
    studyId: plant('StudyID', `ID${random.digits(3)}K${random.digits(5)}`),
    description: plant('description', `Imaging for ${oddWord(random)}`),
    referringPhysician: plant('referring physician', doctor()),
    operator: plant('operator', doctor()),
    institution: plant('institution', `${oddWord(random)} General Hospital`),
    station: plant('station', oddWord(random)),
    comment: plant('comment', `Seen with ${patient.given}, born ${patient.birthDate}, by ${oddWord(random)}`),
    orderUid: plant('referenced study UID', `${uidRoot}.${index}.90001`),
  }
}

/** Makes up what the instances of a series share. */
export const seriesFacts = (
  plan: StudyPlan,
  study: StudyFacts,
  series: SeriesPlan,
  hospital: Hospital,
): SeriesFacts => ({
  kind: series.kind,
  seriesInstanceUid: `${study.studyInstanceUid}.${series.number}`,
  frameOfReferenceUid: `${study.studyInstanceUid}.90002`,
  description: series.description,
  number: series.number,
  manufacturer: manufacturers[plan.manufacturer],
  serialNumber: hospital.planter.plant(
    `serial number of series ${series.number} at ${plan.key}`,
    `SN${hospital.random.digits(12)}`,
  ),
})

/** Where a file lies: names of people, orders and UIDs are in the names of folders and files, as hospitals have them. */
const pathOf = (plan: StudyPlan, study: StudyFacts, series: SeriesFacts, number: number, ordinal: number): string => {
  const { family, given } = study.patient
  switch (plan.layout) {
    case 'by-accession':
      return `pacs/${study.date.slice(0, 4)}/${study.accessionNumber}/${series.number}/IM_${number}`
    case 'by-name':
      return `export from CT 2/${family}, ${given}/DICOM/S${series.number}/0000000${number}`
    case 'by-uid':
      return `${study.studyInstanceUid}/${series.seriesInstanceUid}.${number}.dcm`
    case 'split':
      return `${ordinal % 2 === 0 ? 'pacs/à trier' : 'backup/disc 7'}/${study.accessionNumber}.${series.number}/${number}.DCM`
    case 'flat':
      return `loose/${study.accessionNumber}-${ordinal}.dcm.bak`
  }
}

const filesOf = (
  plan: StudyPlan,
  study: StudyFacts,
  facts: ReadonlyArray<SeriesFacts>,
  hospital: Hospital,
): ReadonlyArray<ImageFile> => {
  const { random, planter } = hospital
  const sourceAeTitle = planter.plant(`AE title of ${plan.key}`, oddWord(random).toUpperCase())
  return plan.series.flatMap((series, s) =>
    Array.from({ length: series.instances }, (_, i) => {
      const one = facts[s]!
      const sopInstanceUid = `${one.seriesInstanceUid}.${i + 1}`
      const hasText = series.burnt || series.kind === 'US' || series.kind === 'SC'
      const head = {
        sopClassUid: sopClasses[series.kind],
        sopInstanceUid,
        sourceAeTitle,
        preamble: plan.layout === 'flat' ? `II*${study.comment}` : '',
      }
      const instance: InstanceFacts = {
        sopInstanceUid,
        number: i + 1,
        burnt: hasText ? `${study.patient.given} ${study.patient.mrn}` : '',
        burnedInAnnotation: series.burnt ? 'YES' : 'NO',
      }
      const dataSet = instanceDataSet(study, one, instance, plan.encoding, random)
      const ordinal = plan.series.slice(0, s).reduce((sum, { instances }) => sum + instances, 0) + i
      return { path: pathOf(plan, study, one, i + 1, ordinal), bytes: encodeFile(head, dataSet, plan.encoding) }
    }),
  )
}

const flawed = (plan: StudyPlan, files: ReadonlyArray<ImageFile>): ReadonlyArray<ImageFile> => {
  const last = files[files.length - 1]!
  switch (plan.flaw) {
    case 'duplicated':
      return [...files, ...files.map(({ path, bytes }) => ({ path: `backup/disc 7/copy of ${path}`, bytes }))]
    case 'truncated':
      return [...files.slice(0, -1), { path: last.path, bytes: last.bytes.subarray(0, last.bytes.length - 5000) }]
    case 'none':
    case 'misfiled':
      return files
  }
}

/** A DICOM date as `YYYY-MM-DD`. */
export const isoDate = (date: string): string => `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`

/** Makes up study number `index`; `before` is the study whose patient and accession number it shares. */
export const makeStudy = (plan: StudyPlan, index: number, before: Study | null, hospital: Hospital): Study => {
  const study = studyFacts(plan, index, before, hospital)
  const facts = plan.series.map((series) => seriesFacts(plan, study, series, hospital))
  return {
    key: plan.key,
    mrn: study.patient.mrn,
    patient: study.patient,
    accessionNumber: study.accessionNumber,
    studyInstanceUid: study.studyInstanceUid,
    studyDate: isoDate(study.date),
    series: facts.map(({ description, seriesInstanceUid }) => ({ description, seriesInstanceUid })),
    files: flawed(plan, filesOf(plan, study, facts, hospital)),
  }
}
