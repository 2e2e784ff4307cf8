import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { Unavailable } from '../domain/errors.js'
import { unavailable } from '../domain/errors.js'
import type { StudyName } from '../domain/events.js'
import type { ImageDelivery, ImageEvent, ImageRecord, ImageState } from '../domain/extract.js'
import { effectiveState } from '../domain/extract.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import { CorrelationId, PseudoStudyUid } from '../domain/identifiers.js'
import type { Reason } from '../domain/reasons.js'
import type { Sensitive } from '../domain/sensitive.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { Naming } from './naming.js'

/** Where a study stands and how it got there. Holds nothing identifying. */
export interface StudyStory {
  readonly project: ProjectSlug
  readonly study: StudyName
  readonly state: ImageState
  readonly reason: Reason | null
  readonly attempts: number
  readonly nextActionAt: Date | null
  readonly deliveries: ReadonlyArray<ImageDelivery>
  readonly events: ReadonlyArray<ImageEvent>
}

/** Tells the stories of the studies behind a name of the log or an original identifier; several, one, or none. */
export const makeExplain =
  (deps: { readonly extracts: ExtractRepository; readonly naming: Naming }) =>
  (identifier: Sensitive<'Identifier'>): TE.TaskEither<Unavailable, ReadonlyArray<StudyStory>> => {
    const text = identifier.reveal()
    /** A correlation id is in no row: each study without a pseudonym is asked for its own. */
    const findByCorrelationId = TE.tryCatch(
      async (): Promise<ReadonlyArray<ImageRecord>> => {
        const found: Array<ImageRecord> = []
        for await (const image of deps.extracts.images({}))
          if (image.pseudoStudyUid === null && deps.naming.ofImage(image) === text) found.push(image)
        return found
      },
      (caught) => unavailable('ExtractRepository', caught),
    )
    const findByName = (): TE.TaskEither<Unavailable, ReadonlyArray<ImageRecord>> => {
      if (PseudoStudyUid.is(text)) return deps.extracts.findByPseudoStudyUid(text)
      return CorrelationId.is(text) ? findByCorrelationId : TE.right([])
    }
    return pipe(
      findByName(),
      TE.flatMap((found) => (found.length > 0 ? TE.right(found) : deps.extracts.findByIdentifier(identifier))),
      TE.flatMap((images) =>
        TE.traverseSeqArray((image: (typeof images)[number]) =>
          pipe(
            deps.extracts.history(image.imageId),
            TE.map((events) => ({
              project: image.project,
              study: deps.naming.ofImage(image),
              state: effectiveState(image),
              reason: image.reason,
              attempts: image.attempts,
              nextActionAt: image.state === 'claimed' ? image.leaseUntil : image.nextActionAt,
              deliveries: image.deliveries,
              events,
            })),
          ),
        )(images),
      ),
    )
  }
