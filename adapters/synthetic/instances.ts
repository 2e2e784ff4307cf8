import type { DataSet, Element, Encapsulated, Encoding } from './dicom-writer.js'
import { element } from './dicom-writer.js'
import type { SeriesFacts, StudyFacts } from './modules.js'
import {
  coded,
  equipmentModule,
  patientModules,
  privateModules,
  seriesModule,
  sopClasses,
  studyModule,
} from './modules.js'
import { imageSize, jpegFrame, phantom16, phantom8, rleFrame } from './pixels.js'
import type { Random } from './random.js'

/** One instance of a series. */
export interface InstanceFacts {
  readonly sopInstanceUid: string
  /** InstanceNumber, from 1. */
  readonly number: number
  /** Text in the pixels; '' = none. */
  readonly burnt: string
  readonly burnedInAnnotation: 'YES' | 'NO'
}

type Samples = { readonly bits: 8 | 16; readonly data: Uint8Array | Encapsulated; readonly vr: 'OB' | 'OW' }

const pixelsFor = (burnt: string, eightBits: boolean, { transferSyntax }: Encoding, random: Random): Samples => {
  if (transferSyntax === 'jpeg') return { bits: 8, data: { frames: [jpegFrame(random)] }, vr: 'OB' }
  if (transferSyntax === 'rle') return { bits: 16, data: { frames: [[rleFrame(phantom16(random, burnt))]] }, vr: 'OB' }
  if (eightBits) return { bits: 8, data: phantom8(random, burnt), vr: 'OW' }
  return { bits: 16, data: phantom16(random, burnt), vr: 'OW' }
}

const imagePixel = ({ bits, data, vr }: Samples): DataSet => [
  element(0x00280002, 'US', [1]),
  element(0x00280004, 'CS', 'MONOCHROME2'),
  element(0x00280010, 'US', [imageSize]),
  element(0x00280011, 'US', [imageSize]),
  element(0x00280100, 'US', [bits]),
  element(0x00280101, 'US', [bits === 8 ? 8 : 12]),
  element(0x00280102, 'US', [bits === 8 ? 7 : 11]),
  element(0x00280103, 'US', [0]),
  element(0x7fe00010, vr, data),
]

const generalImage = (study: StudyFacts, instance: InstanceFacts, imageType: string): DataSet => [
  element(0x00080008, 'CS', imageType),
  element(0x00080022, 'DA', study.date),
  element(0x00080023, 'DA', study.date),
  element(0x00080032, 'TM', study.time),
  element(0x00080033, 'TM', study.time),
  element(0x00200012, 'IS', '1'),
  element(0x00200013, 'IS', String(instance.number)),
  element(0x00204000, 'LT', study.comment),
  element(0x00280301, 'CS', instance.burnedInAnnotation),
]

/** Image Plane and Frame of Reference (PS3.3 C.7.6.2, C.7.4.1): axial slices 5 mm apart. */
const slice = ({ frameOfReferenceUid }: SeriesFacts, { number }: InstanceFacts): DataSet => [
  element(0x00180050, 'DS', '5'),
  element(0x00200032, 'DS', `-32\\-32\\${5 * number}`),
  element(0x00200037, 'DS', '1\\0\\0\\0\\1\\0'),
  element(0x00200052, 'UI', frameOfReferenceUid),
  element(0x00201040, 'LO', ''),
  element(0x00280030, 'DS', '1\\1'),
]

const window: DataSet = [element(0x00281050, 'DS', '600'), element(0x00281051, 'DS', '1200')]

const ct = (study: StudyFacts, series: SeriesFacts, instance: InstanceFacts): DataSet => [
  ...generalImage(
    study,
    instance,
    /scout|localizer/i.test(series.description) ? 'ORIGINAL\\PRIMARY\\LOCALIZER' : 'ORIGINAL\\PRIMARY\\AXIAL',
  ),
  ...slice(series, instance),
  ...window,
  element(0x00180060, 'DS', '120'),
  element(0x00281052, 'DS', '-1024'),
  element(0x00281053, 'DS', '1'),
  element(0x00281054, 'LO', 'HU'),
]

const mr = (study: StudyFacts, series: SeriesFacts, instance: InstanceFacts): DataSet => [
  ...generalImage(study, instance, 'ORIGINAL\\PRIMARY\\M'),
  ...slice(series, instance),
  ...window,
  element(0x00180020, 'CS', 'SE'),
  element(0x00180021, 'CS', 'NONE'),
  element(0x00180022, 'CS', ''),
  element(0x00180023, 'CS', '2D'),
  element(0x00180080, 'DS', '500'),
  element(0x00180081, 'DS', '15'),
  element(0x00180087, 'DS', '1.5'),
  element(0x00180091, 'IS', '1'),
]

const radiograph = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  ...generalImage(study, instance, 'ORIGINAL\\PRIMARY'),
  element(0x00185101, 'CS', 'AP'),
  element(0x00200020, 'CS', 'L\\F'),
]

const cr = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  ...radiograph(study, instance),
  ...window,
  element(0x00181004, 'LO', ''),
]

const dx = (study: StudyFacts, instance: InstanceFacts, { transferSyntax }: Encoding): DataSet => [
  ...radiograph(study, instance),
  ...window,
  coded(0x00082218, '51185008', 'SCT', 'Chest'),
  element(0x00080068, 'CS', 'FOR PRESENTATION'),
  element(0x00181164, 'DS', '0.5\\0.5'),
  element(0x00181508, 'CS', 'NONE'),
  element(0x00187004, 'CS', 'DIRECT'),
  element(0x00200062, 'CS', 'U'),
  element(0x00281040, 'CS', 'LIN'),
  element(0x00281041, 'SS', [1]),
  element(0x00281052, 'DS', '0'),
  element(0x00281053, 'DS', '1'),
  element(0x00281054, 'LO', 'US'),
  element(0x00282110, 'CS', transferSyntax === 'jpeg' ? '01' : '00'),
  ...(transferSyntax === 'jpeg' ? [element(0x00282112, 'DS', '10'), element(0x00282114, 'CS', 'ISO_10918_1')] : []),
  element(0x00400555, 'SQ', []),
  element(0x20500020, 'CS', 'IDENTITY'),
]

const us = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  ...generalImage(study, instance, 'ORIGINAL\\PRIMARY\\ABDOMINAL\\0001'),
  element(0x00200020, 'CS', ''),
  element(0x00282110, 'CS', '00'),
]

const secondaryCapture = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  ...generalImage(study, instance, 'DERIVED\\SECONDARY'),
  element(0x00080064, 'CS', 'WSD'),
  element(0x00200020, 'CS', ''),
]

const pdf = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  element(0x00080023, 'DA', study.date),
  element(0x00080033, 'TM', study.time),
  element(0x0008002a, 'DT', `${study.date}${study.time}`),
  element(0x00200013, 'IS', String(instance.number)),
  element(0x00280301, 'CS', 'YES'),
  element(0x00080064, 'CS', 'WSD'),
  element(0x0040a043, 'SQ', []),
  element(0x00420010, 'ST', study.description),
  element(0x00420012, 'LO', 'application/pdf'),
  element(0x00420011, 'OB', Buffer.from(`%PDF-1.4\n% ${study.comment}\n%%EOF\n`, 'latin1')),
]

const report = (study: StudyFacts, instance: InstanceFacts): DataSet => [
  element(0x00080023, 'DA', study.date),
  element(0x00080033, 'TM', study.time),
  element(0x00081111, 'SQ', []),
  element(0x00200013, 'IS', String(instance.number)),
  element(0x0040a040, 'CS', 'CONTAINER'),
  coded(0x0040a043, '18748-4', 'LN', 'Diagnostic imaging study'),
  element(0x0040a050, 'CS', 'SEPARATE'),
  element(0x0040a372, 'SQ', []),
  element(0x0040a491, 'CS', 'COMPLETE'),
  element(0x0040a493, 'CS', 'UNVERIFIED'),
  element(0x0040a730, 'SQ', [
    [
      element(0x0040a010, 'CS', 'CONTAINS'),
      element(0x0040a040, 'CS', 'TEXT'),
      coded(0x0040a043, '121071', 'DCM', 'Finding'),
      element(0x0040a160, 'UT', study.comment),
    ],
  ]),
]

const content = (study: StudyFacts, series: SeriesFacts, instance: InstanceFacts, encoding: Encoding): DataSet => {
  switch (series.kind) {
    case 'CT':
      return ct(study, series, instance)
    case 'MR':
      return mr(study, series, instance)
    case 'DX':
      return dx(study, instance, encoding)
    case 'CR':
      return cr(study, instance)
    case 'US':
      return us(study, instance)
    case 'SC':
      return secondaryCapture(study, instance)
    case 'PDF':
      return pdf(study, instance)
    case 'SR':
      return report(study, instance)
  }
}

const isImage = ({ kind }: SeriesFacts): boolean => kind !== 'PDF' && kind !== 'SR'

/** The data set of one instance, valid for its information object definition (PS3.3). */
export const instanceDataSet = (
  study: StudyFacts,
  series: SeriesFacts,
  instance: InstanceFacts,
  encoding: Encoding,
  random: Random,
): DataSet => {
  const eightBits = series.kind === 'US' || series.kind === 'SC'
  const padding: ReadonlyArray<Element> =
    instance.number === 1 ? [element(0xfffcfffc, 'OB', Buffer.from(study.comment, 'latin1'))] : []
  return [
    ...patientModules(study),
    ...studyModule(study),
    ...seriesModule(study, series),
    ...equipmentModule(study, series),
    ...privateModules(study, series),
    element(0x00080012, 'DA', study.date),
    element(0x00080013, 'TM', study.time),
    element(0x00080016, 'UI', sopClasses[series.kind]),
    element(0x00080018, 'UI', instance.sopInstanceUid),
    ...content(study, series, instance, encoding),
    ...(isImage(series) ? imagePixel(pixelsFor(instance.burnt, eightBits, encoding, random)) : []),
    ...padding,
  ]
}
