import type { Reason } from '../../domain/reasons.js'
import { absentReasons, skippedReasons } from '../../domain/reasons.js'
import { exportablePlans, laterPlan, refusedPlans } from './plans.js'
import type { ProjectName } from './projects.js'

export type Ending = 'exported' | Reason

/** A row of a cohort and how it must end. */
export interface RequestPlan {
  readonly project: ProjectName
  /** Key of the study; `nowhere` is one the archive does not have. */
  readonly study: string
  /** What names the study: everything, MRN and accession number, or those with a UID nobody has. */
  readonly by: 'all' | 'order' | 'order and wrong uid' | 'wildcard'
  /** Descriptions of the series asked for; empty = all. */
  readonly series: ReadonlyArray<string>
  /** Null for a row that only adds to an earlier one. */
  readonly ends: Ending | null
}

/** Counts of a project at the end of a run; `reasons` counts every end but `exported`. */
export interface ExpectedProject {
  readonly total: number
  readonly exported: number
  readonly skipped: number
  readonly absent: number
  readonly failed: number
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
}

export type Expected = Readonly<Partial<Record<ProjectName, ExpectedProject>>>

const ask = (
  project: ProjectName,
  study: string,
  ends: Ending | null,
  more: Partial<Pick<RequestPlan, 'by' | 'series'>> = {},
): RequestPlan => ({ project, study, ends, by: 'all', series: [], ...more })

const reasonOf = (key: string): Reason => key.split('-')[0] as Reason

/** Which row asks for a refused study: one of the two that share an order is enough, and only by that order. */
const refusedRequests = refusedPlans
  .filter(({ sameOrderAs }) => sameOrderAs === null)
  .map(({ key }) => ask('lung-nodules', key, reasonOf(key), { by: key === 'SeveralMatches' ? 'order' : 'all' }))

/** What the OMOP extract of `lung-nodules` asks for; `copies` are the keys of the studies a larger scale adds. */
export const extractRequests = (copies: ReadonlyArray<string>): ReadonlyArray<RequestPlan> => [
  ...exportablePlans.map(({ key }) =>
    ask('lung-nodules', key, 'exported', { by: key === 'ct-other-uid' ? 'order and wrong uid' : 'all' }),
  ),
  ...copies.map((key) => ask('lung-nodules', key, 'exported')),
  ...refusedRequests,
  ask('lung-nodules', 'ct-utf8', 'SameStudy', { by: 'order' }),
  ask('lung-nodules', 'nowhere', 'NotInArchive'),
]

/** What the second extract asks for: some of the same again, and one study more. */
export const laterRequests: ReadonlyArray<RequestPlan> = [
  ask('lung-nodules', 'ct-utf8', 'exported'),
  ask('lung-nodules', 'mr-japanese', 'exported'),
  ask('lung-nodules', 'SecondaryCapture', 'SecondaryCapture'),
  ask('lung-nodules', 'nowhere', 'NotInArchive'),
  ask('lung-nodules', laterPlan.key, 'exported'),
]

/** What the CSV file asks for, on behalf of every project. */
export const csvRequests: ReadonlyArray<RequestPlan> = [
  ask('lung-nodules', 'ct-utf8', 'exported'),
  ask('lung-nodules', 'ct-latin1', 'exported', { by: 'order' }),
  ask('lung-nodules', 'dx-jpeg', 'exported'),
  ...refusedRequests,
  ask('knee-mri', 'mr-knee', 'exported', { series: ['PD'] }),
  ask('knee-mri', 'mr-knee', null, { series: ['T1'] }),
  ask('knee-mri', 'mr-japanese', 'exported'),
  ask('knee-mri', 'mr-japanese', 'SameStudy', { by: 'order' }),
  ask('knee-mri', 'mr-knee-scout', 'SeriesNotRequested', { series: ['Localizer'] }),
  ask('knee-mri', 'ct-utf8', 'ModalityNotRetained'),
  ask('knee-mri', 'nowhere', 'NotInArchive'),
  ask('knee-mri', 'ct-rle', 'NotInArchive', { by: 'wildcard' }),
  ask('registry-only', 'ct-rle', 'NoDestination'),
  ask('registry-only', 'dx-jpeg', 'NoDestination'),
  ask('liver-ultrasound', 'UltrasoundWithoutRecipe', 'PixelRecipeUnsupported'),
]

const stateOf = (ending: Ending): 'exported' | 'skipped' | 'absent' | 'failed' => {
  if (ending === 'exported') return 'exported'
  if ((skippedReasons as ReadonlyArray<string>).includes(ending)) return 'skipped'
  return (absentReasons as ReadonlyArray<string>).includes(ending) ? 'absent' : 'failed'
}

const nothing: ExpectedProject = { total: 0, exported: 0, skipped: 0, absent: 0, failed: 0, reasons: {} }

/** The counts a run over those rows must end with. */
export const expectedOf = (requests: ReadonlyArray<RequestPlan>): Expected => {
  const expected: Partial<Record<ProjectName, ExpectedProject>> = {}
  for (const { project, ends } of requests) {
    if (ends === null) continue
    const before = expected[project] ?? nothing
    const state = stateOf(ends)
    const reasons = ends === 'exported' ? {} : { [ends]: (before.reasons[ends] ?? 0) + 1 }
    expected[project] = {
      ...before,
      total: before.total + 1,
      [state]: before[state] + 1,
      reasons: { ...before.reasons, ...reasons },
    }
  }
  return expected
}
