import * as E from 'fp-ts/lib/Either.js'
import type { StaleClaim } from './errors.js'
import type { EventDetail, ImageDelivery, ImageRecord, ImageRequest, ImageState, TransitionName } from './extract.js'
import type { DestinationName, Priority, WorkerId } from './identifiers.js'
import type { FailedReason, LeftOut, SkippedReason } from './reasons.js'
import type { SeriesInstanceUid } from './sensitive.js'

/** Claims in a row that ended by expiry after which a study is run one at a time, and after which it is given up. */
export const claimsBeforeAlone = 3
export const claimsBeforeLost = 10
/** How long a publication may take before the row counts as unpublished again. */
export const publicationLeaseMs = 120_000

/** What a worker holds of a study; every write of its carries it, and is refused when a later claim was made. */
export interface ClaimToken {
  readonly imageId: number
  readonly fence: number
  readonly owner: WorkerId
}

/** A row after a transition, and what the history says of it. */
export interface Moved {
  readonly image: ImageRecord
  readonly transition: TransitionName
  readonly from: ImageState
  readonly detail: EventDetail
}

const later = (now: Date, ms: number): Date => new Date(now.getTime() + ms)

/** Fields of a row nobody works on, due at a time and to be published again. */
const unclaimed = (nextActionAt: Date | null) =>
  ({
    leaseOwner: null,
    leaseUntil: null,
    claims: 0,
    nextActionAt,
    deadlineAt: null,
    publishedAt: null,
    publishingUntil: null,
  }) as const

const requestedAt = (nextActionAt: Date) => ({ state: 'requested', reason: null, ...unclaimed(nextActionAt) }) as const

const ended = <R extends ImageRecord['reason']>(state: ImageState, reason: R) =>
  ({ state, reason, ...unclaimed(null) }) as const

const pending = (delivery: ImageDelivery): ImageDelivery => ({ ...delivery, state: 'pending', deliveredAt: null })

/** A fresh start: what was delivered is delivered again under the same name. */
const reopened = (now: Date, image: ImageRecord): Partial<ImageRecord> => ({
  ...requestedAt(now),
  attempts: 0,
  exportedAt: null,
  deliveries: image.deliveries.map(pending),
})

const moved = (
  image: ImageRecord,
  transition: TransitionName,
  change: Partial<ImageRecord>,
  detail: EventDetail = {},
): Moved => ({
  image: { ...image, ...change },
  transition,
  from: image.state,
  detail,
})

const bySeries = (a: SeriesInstanceUid, b: SeriesInstanceUid): number =>
  a.reveal() < b.reveal() ? -1 : a.reveal() > b.reveal() ? 1 : 0

/** The series of two requests together, sorted; the whole study (empty) wins. */
export const uniteSeries = (
  a: ReadonlyArray<SeriesInstanceUid>,
  b: ReadonlyArray<SeriesInstanceUid>,
): ReadonlyArray<SeriesInstanceUid> => {
  if (a.length === 0 || b.length === 0) return []
  const seen = new Map([...a, ...b].map((series) => [series.reveal(), series]))
  return [...seen.values()].sort(bySeries)
}

/** Whether `now` asks for more than `before`. */
export const seriesGrew = (
  before: ReadonlyArray<SeriesInstanceUid>,
  now: ReadonlyArray<SeriesInstanceUid>,
): boolean => {
  if (before.length === 0) return false
  if (now.length === 0) return true
  const had = new Set(before.map((series) => series.reveal()))
  return now.some((series) => !had.has(series.reveal()))
}

/** What another request brings to a row. */
export interface MergedRequest {
  readonly series: ReadonlyArray<SeriesInstanceUid>
  readonly requests: ReadonlyArray<ImageRequest>
}

const sameRequest = (a: ImageRequest, b: ImageRequest): boolean =>
  a.extractGeneratedTimestamp === b.extractGeneratedTimestamp && a.procedureOccurrenceId === b.procedureOccurrenceId

/** Joins requests to a row (architecture section 2): series united, highest priority, reopened where there is more to do. */
export const mergeRequest = (image: ImageRecord, more: MergedRequest, now: Date): Moved => {
  const series = uniteSeries(image.series, more.series)
  const added = more.requests.filter((request) => !image.requests.some((known) => sameRequest(known, request)))
  const anotherExtract = added.some(
    ({ extractGeneratedTimestamp: at }) => !image.requests.some((known) => known.extractGeneratedTimestamp === at),
  )
  const priority = Math.max(image.priority, ...more.requests.map((request) => request.priority)) as Priority
  const merged = { ...image, series, priority, requests: [...image.requests, ...added] }
  const reopens =
    image.state === 'exported' || image.state === 'skipped'
      ? seriesGrew(image.series, series)
      : // What another system exported counts as exported, whatever became of it here.
        (image.state === 'failed' || image.state === 'absent') && anotherExtract && image.exportedAt === null
  return {
    ...(reopens ? moved(merged, 'reopen', reopened(now, image)) : moved(merged, 'merge', {})),
    from: image.state,
  }
}

/** Why a row is not claimed. */
export type ClaimRefusal =
  | { readonly _tag: 'Leased' | 'NotDue' | 'Awaiting' | 'Held' }
  | { readonly _tag: 'Finished'; readonly state: ImageState }

/** Takes a row for a worker; `adopt` and `lose` are claims that end the row instead. */
export const claimImage = (
  image: ImageRecord,
  owner: WorkerId,
  leaseMs: number,
  now: Date,
): E.Either<ClaimRefusal, Moved> => {
  const due = image.nextActionAt !== null && image.nextActionAt <= now
  if (image.state === 'held') return E.left({ _tag: 'Held' })
  if (image.state === 'requested' && !due) return E.left({ _tag: 'NotDue' })
  if (image.state === 'awaiting' && !due) return E.left({ _tag: 'Awaiting' })
  if (image.state === 'claimed' && image.leaseUntil !== null && image.leaseUntil > now)
    return E.left({ _tag: 'Leased' })
  if (image.state !== 'requested' && image.state !== 'claimed' && image.state !== 'awaiting')
    return E.left({ _tag: 'Finished', state: image.state })
  const claims = image.state === 'claimed' ? image.claims + 1 : image.claims
  const fence = image.fence + 1
  if (image.exportedAt !== null)
    return E.right(
      moved(image, 'adopt', {
        ...ended('exported', null),
        fence,
        deliveries: image.deliveries.map((delivery) => ({
          ...delivery,
          state: 'delivered',
          remoteName: delivery.remoteName ?? '',
          deliveredAt: delivery.deliveredAt ?? image.exportedAt,
        })),
      }),
    )
  if (claims >= claimsBeforeLost) return E.right(moved(image, 'lose', { ...ended('failed', 'WorkerLost'), fence }))
  const anew = image.state !== 'awaiting'
  return E.right(
    moved(image, 'claim', {
      state: 'claimed',
      leaseOwner: owner,
      leaseUntil: later(now, leaseMs),
      fence,
      claims,
      claimedSeries: anew ? image.series : image.claimedSeries,
      // What was delivered lacks the series asked for since.
      deliveries:
        anew && seriesGrew(image.claimedSeries, image.series) ? image.deliveries.map(pending) : image.deliveries,
    }),
  )
}

/** Whether a token still is the latest claim. A lease that expired unnoticed does no harm while nobody else claimed. */
export const holds = (image: ImageRecord, token: ClaimToken): boolean =>
  image.state === 'claimed' && image.fence === token.fence && image.leaseOwner === token.owner

const whileHeld =
  (change: (image: ImageRecord) => Moved) =>
  (image: ImageRecord, token: ClaimToken): E.Either<StaleClaim, Moved> =>
    holds(image, token) ? E.right(change(image)) : E.left({ _tag: 'StaleClaim' })

export const renewClaim = (leaseMs: number, now: Date) =>
  whileHeld((image) => moved(image, 'claim', { leaseUntil: later(now, leaseMs) }))

export const releaseClaim = (afterMs: number, now: Date) =>
  whileHeld((image) => moved(image, 'release', requestedAt(later(now, afterMs)), { afterMs }))

export const routeClaim = (queue: string, now: Date) =>
  whileHeld((image) => moved(image, 'route', { ...requestedAt(now), queue }, { queue }))

/** `counted`: the failure is the study's own, not an outage's. */
export const retryClaim = (afterMs: number, counted: boolean, cause: string, now: Date) =>
  whileHeld((image) => {
    const attempts = image.attempts + (counted ? 1 : 0)
    return moved(
      image,
      'retry',
      { ...requestedAt(later(now, afterMs)), attempts },
      { afterMs, counted, cause, attempts },
    )
  })

export const awaitAnswer = (checkMs: number, deadlineMs: number, now: Date) =>
  whileHeld((image) =>
    moved(image, 'await', {
      state: 'awaiting',
      ...unclaimed(later(now, checkMs)),
      deadlineAt: image.deadlineAt ?? later(now, deadlineMs),
    }),
  )

/** The end of a claim, or `requested` again when more series were asked for meanwhile. */
const finish = (
  transition: 'export' | 'skip',
  end: (image: ImageRecord) => Partial<ImageRecord>,
  detail: EventDetail,
  now: Date,
) =>
  whileHeld((image) =>
    seriesGrew(image.claimedSeries, image.series)
      ? moved(image, transition, reopened(now, image), detail)
      : moved(image, transition, end(image), detail),
  )

/** Deliveries that were never made to destinations the project no longer names are dropped. */
export const exportImage = (destinations: ReadonlyArray<DestinationName>, now: Date) =>
  finish(
    'export',
    ({ deliveries }) => ({
      ...ended('exported', null),
      exportedAt: now,
      deliveries: deliveries.filter(
        ({ destination, state }) => state === 'delivered' || destinations.includes(destination),
      ),
    }),
    {},
    now,
  )
export const skipImage = (reason: SkippedReason, leftOut: LeftOut, now: Date) =>
  finish('skip', () => ended('skipped', reason), { leftOut }, now)
/** Another row is this study; its requests have moved there. */
export const sameStudy = whileHeld((image) => moved(image, 'skip', ended('skipped', 'SameStudy')))
export const absentImage = whileHeld((image) => moved(image, 'absent', ended('absent', 'NotInArchive')))
export const failImage = (reason: FailedReason, cause: string) =>
  whileHeld((image) => moved(image, 'fail', { ...ended('failed', reason) }, { cause }))

/** The delivery of a destination, replaced or added. */
export const withDelivery = (image: ImageRecord, delivery: ImageDelivery): ImageRecord => ({
  ...image,
  deliveries: [...image.deliveries.filter(({ destination }) => destination !== delivery.destination), delivery],
})

/** Deliveries of the destinations a project names that this row does not have yet. */
export const undelivered = (
  image: Pick<ImageRecord, 'deliveries'>,
  destinations: ReadonlyArray<DestinationName>,
): ReadonlyArray<DestinationName> =>
  destinations.filter(
    (name) => !image.deliveries.some(({ destination, state }) => destination === name && state === 'delivered'),
  )

/** The deadline of an `awaiting` row passed: one attempt, and what was only accepted is sent again. */
export const expireAwaiting = (image: ImageRecord, maxAttempts: number, now: Date): Moved | null => {
  if (image.state !== 'awaiting' || image.deadlineAt === null || image.deadlineAt > now) return null
  const attempts = image.attempts + 1
  const change = attempts >= maxAttempts ? ended('failed', 'RetriesExhausted') : requestedAt(now)
  const deliveries = image.deliveries.map((delivery) => (delivery.state === 'uploaded' ? pending(delivery) : delivery))
  return moved(image, 'expire', { ...change, attempts, deliveries }, { attempts, counted: true })
}

/** What operators do to rows; null where the row is in no state for it. */
export const operatorMoves = {
  hold: (image: ImageRecord): Moved | null =>
    image.state === 'requested' || image.state === 'claimed'
      ? moved(image, 'hold', { state: 'held', ...unclaimed(null) })
      : null,
  resume: (image: ImageRecord, now: Date): Moved | null =>
    image.state === 'held' ? moved(image, 'resume', requestedAt(now)) : null,
  cancel: (image: ImageRecord): Moved | null =>
    image.state === 'requested' || image.state === 'held'
      ? moved(image, 'cancel', ended('skipped', 'Cancelled'))
      : null,
  replay: (image: ImageRecord, now: Date): Moved | null =>
    image.state === 'failed' || image.state === 'absent'
      ? moved(image, 'replay', { ...requestedAt(now), attempts: 0 })
      : null,
} as const
export type OperatorMove = keyof typeof operatorMoves
