import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { InvalidInput, Unavailable, UnknownDestination, UnknownProject } from '../domain/errors.js'
import { unavailable } from '../domain/errors.js'
import type { Priority, ProjectSlug } from '../domain/identifiers.js'
import type { Recorded } from '../domain/recording.js'
import type { StudyRequest } from '../domain/study.js'
import type { Cohort, CohortReader, CohortSummary } from '../ports/cohort-reader.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { ProjectCatalogue } from '../ports/project-catalogue.js'
import type { Telemetry } from '../ports/telemetry.js'
import type { Destinations } from './destinations.js'
import type { PublishDue } from './publish-due.js'

export interface Enqueued {
  readonly projects: ReadonlyArray<ProjectSlug>
  readonly cohort: CohortSummary
  readonly recorded: Recorded
}

export type EnqueueError = InvalidInput | UnknownProject | UnknownDestination | Unavailable

/**
 * Records the studies an extract asks for and publishes what is due. The project configurations are checked before the
 * first row is written; a batch is one transaction; running it again after any interruption completes it.
 */
export type EnqueueExtract = (source: string, priority: Priority) => TE.TaskEither<EnqueueError, Enqueued>

const nothing: Recorded = { added: 0, known: 0, exported: 0, reopened: 0 }
const sum = (a: Recorded, b: Recorded): Recorded => ({
  added: a.added + b.added,
  known: a.known + b.known,
  exported: a.exported + b.exported,
  reopened: a.reopened + b.reopened,
})

export const makeEnqueueExtract = (deps: {
  readonly catalogue: ProjectCatalogue
  readonly cohortReader: CohortReader
  readonly destinations: Destinations
  readonly extracts: ExtractRepository
  readonly publishDue: PublishDue
  readonly queue: string
  readonly telemetry: Telemetry
}): EnqueueExtract => {
  const checkProject = (slug: ProjectSlug): TE.TaskEither<EnqueueError, void> =>
    pipe(
      deps.catalogue.find(slug),
      TE.flatMap((project): TE.TaskEither<EnqueueError, unknown> => TE.fromEither(deps.destinations.of(project))),
      TE.map(() => undefined),
    )

  const recordBatches = async (cohort: Cohort, priority: Priority): Promise<E.Either<Unavailable, Recorded>> => {
    let recorded = nothing
    for await (const batch of cohort.batches) {
      if (batch.length === 0) continue
      const result = await deps.extracts.recordRequests(batch as NonEmptyArray<StudyRequest>, priority, deps.queue)()
      if (E.isLeft(result)) return result
      recorded = sum(recorded, result.right)
    }
    return E.right(recorded)
  }

  /** Reading may break in the middle of a batch; what was recorded before stays. */
  const record = (cohort: Cohort, priority: Priority): TE.TaskEither<Unavailable, Recorded> =>
    pipe(
      TE.tryCatch(
        () => recordBatches(cohort, priority),
        (caught) => unavailable('CohortReader', caught),
      ),
      TE.flatMapEither((recorded) => recorded),
    )

  const enqueue = (cohort: Cohort, priority: Priority): TE.TaskEither<EnqueueError, Enqueued> =>
    pipe(
      [...cohort.projects],
      TE.traverseSeqArray(checkProject),
      TE.flatMap((): TE.TaskEither<EnqueueError, Recorded> => record(cohort, priority)),
      TE.tap(() => deps.publishDue),
      TE.map((recorded) => ({ projects: cohort.projects, cohort: cohort.summary(), recorded })),
      TE.tapIO(({ cohort: { rows, rejected }, recorded: { added, known, exported } }) =>
        deps.telemetry.record({ _tag: 'CohortEnqueued', rows, rejected, added, known, exported }),
      ),
    )

  return (source, priority) =>
    TE.bracket(
      deps.cohortReader.open(source),
      (cohort): TE.TaskEither<EnqueueError, Enqueued> => enqueue(cohort, priority),
      (cohort) => TE.fromTask(cohort.close),
    )
}
