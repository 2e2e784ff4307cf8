import type { InstanceFacts, ProjectConfig } from './project.js'
import { whyLeftOut } from './project.js'
import type { LeftOut, LeftOutReason } from './reasons.js'

/** An instance as the decision about its study sees it. */
export interface StudyInstance {
  /** Original SeriesInstanceUID, revealed. */
  readonly seriesInstanceUid: string
  readonly facts: InstanceFacts
}

/**
 * Why each instance of a study must stay, null where it may leave, in the given order: first what its own facts say,
 * then whether its series was requested (`requested` empty = all), then whether enough of the series is left.
 */
export const whyEachStays = (
  config: ProjectConfig,
  requested: ReadonlyArray<string>,
  instances: ReadonlyArray<StudyInstance>,
): ReadonlyArray<LeftOutReason | null> => {
  const wanted = new Set(requested)
  const first = instances.map(({ seriesInstanceUid, facts }): LeftOutReason | null => {
    const own = whyLeftOut(config, facts)
    return own ?? (wanted.size > 0 && !wanted.has(seriesInstanceUid) ? 'SeriesNotRequested' : null)
  })
  const left = new Map<string, number>()
  instances.forEach(({ seriesInstanceUid }, i) => {
    if (first[i] === null) left.set(seriesInstanceUid, (left.get(seriesInstanceUid) ?? 0) + 1)
  })
  return instances.map(({ seriesInstanceUid }, i) => {
    const tooFew = (left.get(seriesInstanceUid) ?? 0) < config.minInstancesPerSeries
    return first[i] ?? (tooFew ? 'TooFewInstances' : null)
  })
}

/** Counts the reasons of {@link whyEachStays}. */
export const countLeftOut = (reasons: ReadonlyArray<LeftOutReason | null>): LeftOut => {
  const counts: Partial<Record<LeftOutReason, number>> = {}
  for (const reason of reasons) if (reason !== null) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}
