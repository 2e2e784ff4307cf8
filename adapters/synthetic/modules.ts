import type { DataSet, Element } from './dicom-writer.js'
import { element } from './dicom-writer.js'
import type { Patient } from './patients.js'

/** What a made-up series shows. */
export type Kind = 'CT' | 'MR' | 'DX' | 'CR' | 'US' | 'SC' | 'PDF' | 'SR'

export const sopClasses: Readonly<Record<Kind, string>> = {
  CT: '1.2.840.10008.5.1.4.1.1.2',
  MR: '1.2.840.10008.5.1.4.1.1.4',
  DX: '1.2.840.10008.5.1.4.1.1.1.1',
  CR: '1.2.840.10008.5.1.4.1.1.1',
  US: '1.2.840.10008.5.1.4.1.1.6.1',
  SC: '1.2.840.10008.5.1.4.1.1.7',
  PDF: '1.2.840.10008.5.1.4.1.1.104.1',
  SR: '1.2.840.10008.5.1.4.1.1.88.11',
}

/** Modality (0008,0060) of each kind. */
export const modalities: Readonly<Record<Kind, string>> = {
  CT: 'CT',
  MR: 'MR',
  DX: 'DX',
  CR: 'CR',
  US: 'US',
  SC: 'OT',
  PDF: 'DOC',
  SR: 'SR',
}

/** What the instances of a study share. All but `time` identify somebody and are planted. */
export interface StudyFacts {
  readonly studyInstanceUid: string
  readonly accessionNumber: string
  readonly patient: Patient
  /** PatientID (0010,0020): the patient's MRN, but for a study filed under somebody else. */
  readonly patientId: string
  readonly date: string
  readonly time: string
  readonly studyId: string
  readonly description: string
  readonly referringPhysician: string
  readonly operator: string
  readonly institution: string
  readonly station: string
  readonly comment: string
  readonly orderUid: string
}

/** What the instances of a series share. */
export interface SeriesFacts {
  readonly kind: Kind
  readonly seriesInstanceUid: string
  readonly frameOfReferenceUid: string
  readonly description: string
  readonly number: number
  readonly manufacturer: string
  readonly serialNumber: string
}

/** A coded concept as the one item of a sequence (PS3.3 section 8.8). */
export const coded = (tag: number, value: string, scheme: string, meaning: string): Element =>
  element(tag, 'SQ', [
    [element(0x00080100, 'SH', value), element(0x00080102, 'SH', scheme), element(0x00080104, 'LO', meaning)],
  ])

/** Patient and Patient Study (PS3.3 C.7.1.1, C.7.2.2), with the free text hospitals put there. */
export const patientModules = ({ patient, patientId, comment }: StudyFacts): DataSet => [
  ...(patient.characterSet === '' ? [] : [element(0x00080005, 'CS', patient.characterSet)]),
  element(0x00100010, 'PN', patient.nameBytes),
  element(0x00100020, 'LO', patientId),
  element(0x00100030, 'DA', patient.birthDate),
  element(0x00100040, 'CS', patient.sex),
  element(0x00101002, 'SQ', [[element(0x00100020, 'LO', patient.mrn), element(0x00100022, 'CS', 'TEXT')]]),
  element(0x00101010, 'AS', '054Y'),
  element(0x00101030, 'DS', '71.5'),
  element(0x00101040, 'LO', patient.address),
  element(0x00102154, 'SH', patient.telephone),
  element(0x001021b0, 'LT', comment),
  element(0x00104000, 'LT', comment),
]

/** General Study (PS3.3 C.7.2.1). */
export const studyModule = (study: StudyFacts): DataSet => [
  element(0x0020000d, 'UI', study.studyInstanceUid),
  element(0x00080020, 'DA', study.date),
  element(0x00080030, 'TM', study.time),
  element(0x00080090, 'PN', study.referringPhysician),
  element(0x00200010, 'SH', study.studyId),
  element(0x00080050, 'SH', study.accessionNumber),
  element(0x00081030, 'LO', study.description),
  element(0x00081110, 'SQ', [
    [element(0x00081150, 'UI', '1.2.840.10008.3.1.2.3.1'), element(0x00081155, 'UI', study.orderUid)],
  ]),
]

/** The order behind a series, naming study and people again: identifiers two levels deep. */
const requestAttributes = (study: StudyFacts): Element =>
  element(0x00400275, 'SQ', [
    [
      element(0x00080050, 'SH', study.accessionNumber),
      element(0x0020000d, 'UI', study.studyInstanceUid),
      element(0x00081110, 'SQ', [
        [element(0x00081150, 'UI', '1.2.840.10008.3.1.2.3.1'), element(0x00081155, 'UI', study.orderUid)],
      ]),
      element(0x00321060, 'LO', study.description),
      element(0x00400007, 'LO', study.description),
      element(0x00400009, 'SH', study.studyId),
      element(0x00401001, 'SH', study.studyId),
    ],
  ])

/** General Series (PS3.3 C.7.3.1); a document has no body part. */
export const seriesModule = (study: StudyFacts, series: SeriesFacts): DataSet => [
  element(0x00080060, 'CS', modalities[series.kind]),
  element(0x0020000e, 'UI', series.seriesInstanceUid),
  element(0x00200011, 'IS', String(series.number)),
  element(0x00080021, 'DA', study.date),
  element(0x00080031, 'TM', study.time),
  element(0x0008103e, 'LO', series.description),
  element(0x00081050, 'PN', study.operator),
  element(0x00081070, 'PN', study.operator),
  ...(series.kind === 'PDF' || series.kind === 'SR'
    ? []
    : [
        element(0x00180015, 'CS', 'CHEST'),
        element(0x00181030, 'LO', 'ROUTINE'),
        requestAttributes(study),
        ...(series.kind === 'CT' || series.kind === 'MR' ? [element(0x00185100, 'CS', 'HFS')] : []),
      ]),
]

/** General Equipment (PS3.3 C.7.5.1). */
export const equipmentModule = (study: StudyFacts, series: SeriesFacts): DataSet => [
  element(0x00080070, 'LO', series.manufacturer),
  element(0x00080080, 'LO', study.institution),
  element(0x00080081, 'ST', study.patient.address),
  element(0x00081010, 'SH', study.station),
  element(0x00081090, 'LO', `${series.manufacturer} One`),
  element(0x00181000, 'LO', series.serialNumber),
  element(0x00181020, 'LO', '4.2'),
]

/**
 * Blocks of two private creators (PS3.5 section 7.8.1): one of the archive with names, also in a sequence, and one of
 * the scanner whose first element is a plain number worth keeping.
 */
export const privateModules = (study: StudyFacts, series: SeriesFacts): DataSet => [
  element(0x00090010, 'LO', 'SYNTHETIC PACS'),
  element(0x00091001, 'LO', study.comment),
  element(0x00091002, 'SQ', [
    [element(0x00100010, 'PN', study.patient.nameBytes), element(0x0020000d, 'UI', study.studyInstanceUid)],
  ]),
  element(0x00190010, 'LO', `${series.manufacturer.split(' ')[0]!.toUpperCase()} ACQ`),
  element(0x00191010, 'DS', '12.5'),
  element(0x00191011, 'LO', study.comment),
]
