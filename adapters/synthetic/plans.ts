import type { Encoding } from './dicom-writer.js'
import type { Kind } from './modules.js'
import type { Script } from './patients.js'

/** The scanners' makers: the first two are allowed by the projects. */
export const manufacturers = {
  northwind: 'Northwind Imaging',
  fabrikam: 'Fabrikam Medical',
  contoso: 'Contoso Devices',
} as const

export interface SeriesPlan {
  readonly kind: Kind
  readonly description: string
  readonly number: number
  readonly instances: number
  readonly burnt: boolean
}

/** A study to make up. */
export interface StudyPlan {
  readonly key: string
  readonly script: Script
  readonly encoding: Encoding
  readonly manufacturer: keyof typeof manufacturers
  readonly series: ReadonlyArray<SeriesPlan>
  /** How its files lie in the folder tree. */
  readonly layout: 'by-accession' | 'by-name' | 'by-uid' | 'split' | 'flat'
  /** Filed twice, byte for byte; cut off in the pixels; filed under somebody else's PatientID. */
  readonly flaw: 'none' | 'duplicated' | 'truncated' | 'misfiled'
  /** Key of an earlier study that has the same patient and accession number. */
  readonly sameOrderAs: string | null
}

const explicit: Encoding = { transferSyntax: 'explicit', sequences: 'undefined' }
const explicitDefined: Encoding = { transferSyntax: 'explicit', sequences: 'defined' }
const implicit: Encoding = { transferSyntax: 'implicit', sequences: 'undefined' }
const implicitDefined: Encoding = { transferSyntax: 'implicit', sequences: 'defined' }
const jpeg: Encoding = { transferSyntax: 'jpeg', sequences: 'undefined' }
const rle: Encoding = { transferSyntax: 'rle', sequences: 'defined' }

const series = (kind: Kind, description: string, number: number, instances: number, burnt = false): SeriesPlan => ({
  kind,
  description,
  number,
  instances,
  burnt,
})

const study = (key: string, plan: Partial<StudyPlan> & Pick<StudyPlan, 'series'>): StudyPlan => ({
  key,
  script: 'ascii',
  encoding: explicit,
  manufacturer: 'northwind',
  layout: 'by-accession',
  flaw: 'none',
  sameOrderAs: null,
  ...plan,
})

/** Studies of which something leaves when the project `lung-nodules` asks for them. */
export const exportablePlans: ReadonlyArray<StudyPlan> = [
  study('ct-utf8', {
    script: 'utf8',
    series: [series('CT', 'Localizer', 1, 2), series('CT', 'Axial', 2, 4), series('CT', 'Coronal', 3, 3)],
  }),
  study('ct-latin1', {
    script: 'latin1',
    encoding: implicit,
    layout: 'split',
    series: [series('CT', 'Coupes pulmonaires à 1 mm', 2, 6), series('CT', 'Axial soft tissue', 3, 2)],
  }),
  study('ct-dose', { layout: 'by-name', series: [series('CT', 'Axial', 2, 3), series('SC', 'Dose summary', 90, 1)] }),
  study('ct-rle', { encoding: rle, layout: 'flat', series: [series('CT', 'Axial', 2, 4)] }),
  study('ct-burnt-series', {
    encoding: explicitDefined,
    series: [series('CT', 'Axial', 2, 4), series('CT', 'Annotated', 5, 2, true)],
  }),
  study('ct-single-slice', { series: [series('CT', 'Axial', 2, 3), series('CT', 'Bolus tracking', 4, 1)] }),
  study('ct-other-uid', { layout: 'by-uid', series: [series('CT', 'Axial', 2, 2)] }),
  study('ct-with-ultrasound', { series: [series('CT', 'Axial', 2, 4), series('US', 'Guidance', 7, 3)] }),
  study('mr-japanese', {
    script: 'japanese',
    manufacturer: 'fabrikam',
    series: [series('MR', 'T1', 1, 4), series('MR', 'T2', 2, 4)],
  }),
  study('mr-chinese', {
    script: 'chinese',
    encoding: implicitDefined,
    manufacturer: 'fabrikam',
    layout: 'by-name',
    series: [series('MR', 'T2', 2, 4), series('MR', 'Derived map', 99, 3)],
  }),
  study('mr-knee', {
    manufacturer: 'fabrikam',
    layout: 'by-uid',
    series: [series('MR', 'Three plane localizer', 1, 2), series('MR', 'PD', 2, 5), series('MR', 'T1', 3, 3)],
  }),
  study('mr-knee-scout', {
    script: 'latin1',
    encoding: implicit,
    series: [series('MR', 'Localizer', 1, 2), series('MR', 'PD', 2, 4)],
  }),
  study('mr-report', {
    layout: 'by-name',
    series: [series('MR', 'T2', 2, 3), series('PDF', 'Report', 80, 1), series('SR', 'Findings', 81, 1)],
  }),
  study('dx-jpeg', { encoding: jpeg, layout: 'flat', series: [series('DX', 'Chest', 1, 2)] }),
  study('dx-duplicated', { script: 'utf8', flaw: 'duplicated', series: [series('DX', 'Chest', 1, 2)] }),
  study('dx-implicit', { encoding: implicit, layout: 'split', series: [series('DX', 'Chest', 1, 2)] }),
]

/** A study that only the second extract asks for. */
export const laterPlan = study('ct-later', { layout: 'by-name', series: [series('CT', 'Axial', 2, 3)] })

/** Studies that end otherwise; their keys name the reason. */
export const refusedPlans: ReadonlyArray<StudyPlan> = [
  study('ModalityNotRetained', { series: [series('CR', 'Hand', 1, 2)] }),
  study('ManufacturerNotAllowed', {
    manufacturer: 'contoso',
    series: [series('CT', 'Localizer', 1, 2), series('CT', 'Axial', 2, 4)],
  }),
  study('SeriesFiltered', {
    layout: 'by-uid',
    series: [series('CT', 'Scout lateral', 1, 3), series('SC', 'Protocol page', 90, 1)],
  }),
  study('TooFewInstances', { layout: 'flat', series: [series('DX', 'Chest PA', 1, 1), series('DX', 'Lateral', 2, 1)] }),
  study('BurnedInPixels', { script: 'latin1', series: [series('CT', 'Screen shots', 4, 3, true)] }),
  study('SecondaryCapture', { layout: 'by-name', series: [series('SC', 'Scanned form', 1, 2)] }),
  study('DocumentObject', { layout: 'by-name', series: [series('PDF', 'Letter', 1, 1)] }),
  study('DocumentObject-report', { encoding: implicit, series: [series('SR', 'Report', 1, 2)] }),
  study('UltrasoundWithoutRecipe', { layout: 'by-uid', series: [series('US', 'Abdomen', 1, 4)] }),
  study('UnreadableFile', { flaw: 'truncated', series: [series('CT', 'Axial', 2, 3)] }),
  study('SeveralMatches', { series: [series('CT', 'Axial', 2, 2)] }),
  study('SeveralMatches-other', {
    layout: 'flat',
    sameOrderAs: 'SeveralMatches',
    series: [series('CT', 'Axial, repeated', 2, 2)],
  }),
  study('IdentityMismatch', { flaw: 'misfiled', series: [series('CT', 'Axial', 2, 2)] }),
]
