import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { StaleClaim, Unavailable } from '../../domain/errors.js'
import type { EventDetail, ImageEvent, ImageRecord } from '../../domain/extract.js'
import { effectiveState, imageStates } from '../../domain/extract.js'
import type { Priority, ProjectSlug } from '../../domain/identifiers.js'
import type { Existing, Recorded } from '../../domain/recording.js'
import { recordAll, requestFor } from '../../domain/recording.js'
import type { StudyRequest } from '../../domain/study.js'
import { requestIdentity } from '../../domain/study.js'
import type { ClaimToken, Moved } from '../../domain/transitions.js'
import * as transitions from '../../domain/transitions.js'
import type { Clock } from '../../ports/clock.js'
import type { ExtractRepository, ImageSelection, ProjectCounts, Publication } from '../../ports/extract-repository.js'

/** Rows as another system writes them: identity and export only. */
export interface ForeignRow {
  readonly request: StudyRequest
  readonly exportedAt: Date | null
}

export interface MemoryExtractRepository extends ExtractRepository {
  /** Writes a row the way the Python services do. */
  readonly writeForeignRow: (row: ForeignRow) => Promise<void>
  /** Sets the time of export the way the Python services do. */
  readonly exportForeign: (request: StudyRequest, at: Date) => Promise<void>
  /** The rows as they are now. */
  readonly rows: () => ReadonlyArray<ImageRecord>
  readonly row: (imageId: number) => ImageRecord | undefined
  /** Changes a row past every rule, for tests that break something on purpose. */
  readonly spoil: (imageId: number, change: (image: ImageRecord) => ImageRecord) => void
}

interface Stored {
  image: ImageRecord
  /** A row of another system that nobody asked us for. */
  foreign: boolean
}

/** The rows in memory: every write is a pure transition of the domain. The reference for every other repository. */
export const makeMemoryExtractRepository = (clock: Clock): MemoryExtractRepository => {
  const rows = new Map<number, Stored>()
  const events: Array<ImageEvent & { readonly imageId: number }> = []
  const now = (): Date => clock.now()

  const find = (project: ProjectSlug, identity: string): ReadonlyArray<Stored> =>
    [...rows.values()].filter(({ image }) => image.project === project && requestIdentity(image) === identity)

  const log = (
    image: ImageRecord,
    transition: ImageEvent['transition'],
    from: ImageEvent['from'],
    detail: EventDetail = {},
  ): void =>
    void events.push({
      imageId: image.imageId,
      at: now(),
      transition,
      from,
      to: image.state,
      reason: image.reason,
      fence: image.fence,
      detail,
    })

  const store = ({ image, transition, from, detail }: Moved): ImageRecord => {
    rows.get(image.imageId)!.image = image
    if (transition !== 'merge') log(image, transition, from, detail)
    return image
  }

  const insert = (image: ImageRecord, foreign: boolean): ImageRecord => {
    const stored = { image: { ...image, imageId: rows.size + 1 }, foreign }
    rows.set(stored.image.imageId, stored)
    return stored.image
  }

  const existing = (request: StudyRequest): Existing => {
    const same = find(request.project, requestIdentity(request))
    return {
      ours: same.find(({ foreign }) => !foreign)?.image ?? null,
      foreign: same.filter(({ foreign }) => foreign).map(({ image }) => image),
    }
  }

  const recordRequests = (requests: NonEmptyArray<StudyRequest>, priority: Priority, queue: string): Recorded => {
    const { inserted, adopted, merged, recorded } = recordAll(requests, existing, priority, queue, now())
    for (const image of inserted) log(insert(image, false), 'request', null)
    for (const image of adopted) {
      rows.set(image.imageId, { image, foreign: false })
      log(image, 'request', null)
    }
    merged.forEach(store)
    return recorded
  }

  type Change = (image: ImageRecord, token: ClaimToken) => E.Either<StaleClaim, Moved>
  /** A worker's write: the change is built when the task runs, at the time of then. */
  const write = <A>(
    token: ClaimToken,
    change: (at: Date) => Change,
    answer: (image: ImageRecord) => A,
  ): TE.TaskEither<StaleClaim | Unavailable, A> =>
    TE.fromIOEither(() => {
      const row = rows.get(token.imageId)
      if (row === undefined) return E.left({ _tag: 'StaleClaim' })
      return E.map((moved: Moved) => answer(store(moved)))(change(now())(row.image, token))
    })
  const nothing = (): void => undefined

  /** A change that is no move between states. */
  const note =
    (change: (image: ImageRecord, at: Date) => ImageRecord) =>
    (at: Date): Change =>
    (image, token) =>
      transitions.holds(image, token)
        ? E.right({ image: change(image, at), transition: 'merge', from: image.state, detail: {} })
        : E.left({ _tag: 'StaleClaim' })

  const recordNames: ExtractRepository['recordNames'] = (token, studyKey, names) =>
    TE.fromIOEither(() => {
      const row = rows.get(token.imageId)
      if (row === undefined || !transitions.holds(row.image, token)) return E.left({ _tag: 'StaleClaim' })
      const { image } = row
      const twin = [...rows.values()].find(
        (other) =>
          other !== row && !other.foreign && other.image.project === image.project && other.image.studyKey === studyKey,
      )
      if (twin !== undefined) {
        store(transitions.mergeRequest(twin.image, image, now()))
        return E.map((moved: Moved) => {
          store(moved)
          return { _tag: 'SameStudy' } as const
        })(transitions.sameStudy(image, token))
      }
      const named = {
        pseudoStudyUid: image.pseudoStudyUid ?? names.pseudoStudyUid,
        pseudoPatientId: image.pseudoPatientId ?? names.pseudoPatientId,
      }
      row.image = { ...image, studyKey, ...named }
      log(row.image, 'name', image.state)
      return E.right({ _tag: 'Recorded', ...named } as const)
    })

  const leaseForPublication = (limit: number, afterImageId: number): ReadonlyArray<Publication> => {
    const due = ({ image, foreign }: Stored): boolean => {
      if (foreign || image.imageId <= afterImageId || image.exportedAt !== null) return false
      if (image.publishingUntil !== null && image.publishingUntil > now()) return false
      if (image.state === 'claimed') return image.leaseUntil !== null && image.leaseUntil <= now()
      if (image.state !== 'requested' && image.state !== 'awaiting') return false
      return image.publishedAt === null && image.nextActionAt !== null && image.nextActionAt <= now()
    }
    const page = [...rows.values()].filter(due).slice(0, limit)
    return page.map((row) => {
      row.image = { ...row.image, publishingUntil: new Date(now().getTime() + transitions.publicationLeaseMs) }
      const { image } = row
      return {
        imageId: image.imageId,
        fence: image.fence,
        queue: image.queue,
        priority: image.priority,
        request: requestFor(image),
      }
    })
  }

  const eachPublication = (
    published: ReadonlyArray<Publication>,
    change: (image: ImageRecord) => Partial<ImageRecord>,
  ): void => {
    for (const { imageId, fence } of published) {
      const row = rows.get(imageId)
      if (row !== undefined && row.image.fence === fence) row.image = { ...row.image, ...change(row.image) }
    }
  }

  const selected = ({ project, queue, states }: ImageSelection): ReadonlyArray<Stored> =>
    [...rows.values()].filter(
      ({ image, foreign }) =>
        !foreign &&
        (project === undefined || image.project === project) &&
        (queue === undefined || image.queue === queue) &&
        (states === undefined || states.includes(effectiveState(image))),
    )

  const moveAll = (candidates: ReadonlyArray<Stored>, move: (image: ImageRecord) => Moved | null): number => {
    const moves = candidates.map(({ image }) => move(image)).filter((moved) => moved !== null)
    moves.forEach(store)
    return moves.length
  }

  const countByState = (): ReadonlyArray<ProjectCounts> => {
    const all = selected({})
    const projects = [...new Set(all.map(({ image }) => image.project))].sort()
    return projects.map((project) => {
      const own = all.filter(({ image }) => image.project === project).map(({ image }) => image)
      const reasons: Partial<Record<string, number>> = {}
      for (const image of own)
        if (image.reason !== null && image.exportedAt === null) reasons[image.reason] = (reasons[image.reason] ?? 0) + 1
      return {
        project,
        total: own.length,
        states: Object.fromEntries(
          imageStates.map((state) => [state, own.filter((image) => effectiveState(image) === state).length]),
        ) as ProjectCounts['states'],
        reasons,
      }
    })
  }

  async function* images(selection: ImageSelection): AsyncGenerator<ImageRecord> {
    for (const { image } of selected(selection)) yield image
  }

  return {
    recordRequests: (requests, priority, queue) => TE.fromIO(() => recordRequests(requests, priority, queue)),
    claim: (request, owner, leaseMs) =>
      TE.fromIO(() => {
        const row = find(request.project, requestIdentity(request)).find(({ foreign }) => !foreign)
        if (row === undefined) return { _tag: 'Unknown' }
        const claimed = transitions.claimImage(row.image, owner, leaseMs, now())
        if (E.isLeft(claimed)) return claimed.left
        const image = store(claimed.right)
        if (image.state !== 'claimed') return { _tag: 'Finished', state: image.state }
        return { _tag: 'Claimed', image, token: { imageId: image.imageId, fence: image.fence, owner } }
      }),
    renew: (token, leaseMs) =>
      write(
        token,
        note((image, at) => ({ ...image, leaseUntil: new Date(at.getTime() + leaseMs) })),
        nothing,
      ),
    release: (token, afterMs) => write(token, (at) => transitions.releaseClaim(afterMs, at), nothing),
    routeTo: (token, queue) => write(token, (at) => transitions.routeClaim(queue, at), nothing),
    recordNames,
    recordDelivery: (token, destination, state, object, leftOut) =>
      write(
        token,
        note((image, at) =>
          transitions.withDelivery(image, {
            destination,
            state,
            ...object,
            deliveredAt: state === 'delivered' ? at : null,
          }),
        ),
        (image) =>
          log(image, 'deliver', image.state, {
            destination,
            delivery: state,
            remoteName: object.remoteName,
            ...(leftOut === undefined ? {} : { leftOut }),
          }),
      ),
    markExported: (token, destinations) =>
      write(
        token,
        (at) => transitions.exportImage(destinations, at),
        ({ state }) => state as 'exported' | 'requested',
      ),
    markAwaiting: (token, checkMs, deadlineMs) =>
      write(token, (at) => transitions.awaitAnswer(checkMs, deadlineMs, at), nothing),
    markSkipped: (token, reason, leftOut) =>
      write(
        token,
        (at) => transitions.skipImage(reason, leftOut, at),
        ({ state }) => state as 'skipped' | 'requested',
      ),
    markAbsent: (token) => write(token, () => transitions.absentImage, nothing),
    scheduleRetry: (token, afterMs, counted, cause) =>
      write(token, (at) => transitions.retryClaim(afterMs, counted, cause, at), nothing),
    markFailed: (token, reason, cause) => write(token, () => transitions.failImage(reason, cause), nothing),
    leaseForPublication: (limit, after) => TE.fromIO(() => leaseForPublication(limit, after)),
    stampPublished: (published) =>
      TE.fromIO(() =>
        eachPublication(published, ({ state }) =>
          state === 'requested' || state === 'awaiting' ? { publishedAt: now(), publishingUntil: null } : {},
        ),
      ),
    abandonPublication: (unpublished) =>
      TE.fromIO(() => eachPublication(unpublished, () => ({ publishingUntil: null }))),
    forgetPublished: (queue, olderThanMs) =>
      TE.fromIO(() => {
        const limit = now().getTime() - olderThanMs
        const lost = selected({ queue, states: ['requested', 'awaiting'] }).filter(
          ({ image }) => image.publishedAt !== null && image.publishedAt.getTime() <= limit,
        )
        for (const row of lost) row.image = { ...row.image, publishedAt: null }
        return lost.length
      }),
    countLeased: (queue) =>
      TE.fromIO(
        () => selected({ queue }).filter(({ image }) => image.leaseUntil !== null && image.leaseUntil > now()).length,
      ),
    expireAwaiting: (maxAttempts) =>
      TE.fromIO(() => moveAll(selected({}), (image) => transitions.expireAwaiting(image, maxAttempts, now()))),
    move: (move, selection) =>
      TE.fromIO(() => moveAll(selected(selection), (image) => transitions.operatorMoves[move](image, now()))),
    countByState: TE.fromIO(countByState),
    images,
    history: (imageId) =>
      TE.fromIO(() => events.filter((event) => event.imageId === imageId).map(({ imageId: _, ...event }) => event)),
    findByPseudoStudyUid: (uid) =>
      TE.fromIO(() =>
        selected({})
          .map(({ image }) => image)
          .filter(({ pseudoStudyUid }) => pseudoStudyUid === uid),
      ),
    findByIdentifier: (identifier) =>
      TE.fromIO(() =>
        selected({})
          .map(({ image }) => image)
          .filter((image) =>
            [image.mrn, image.accessionNumber, image.studyInstanceUid].some(
              (value) => value !== null && value.reveal() === identifier.reveal(),
            ),
          ),
      ),
    writeForeignRow: async ({ request, exportedAt }) => {
      const [image] = recordAll([request], () => ({ ours: null, foreign: [] }), 1, '', now()).inserted
      insert({ ...image!, exportedAt, requests: [] }, true)
    },
    rows: () => selected({}).map(({ image }) => image),
    row: (imageId) => rows.get(imageId)?.image,
    spoil: (imageId, change) => {
      const row = rows.get(imageId)
      if (row !== undefined) row.image = change(row.image)
    },
    exportForeign: async (request, at) => {
      for (const row of find(request.project, requestIdentity(request))) row.image = { ...row.image, exportedAt: at }
    },
  }
}
