import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { StaleClaim, Unavailable } from '../domain/errors.js'
import type { ImageEvent, ImageRecord, ImageState } from '../domain/extract.js'
import type {
  DestinationName,
  Priority,
  ProjectSlug,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId,
} from '../domain/identifiers.js'
import type { Recorded } from '../domain/recording.js'
import type { FailedReason, LeftOut, Reason, SkippedReason } from '../domain/reasons.js'
import type { Sensitive } from '../domain/sensitive.js'
import type { StudyRequest } from '../domain/study.js'
import type { ClaimRefusal, ClaimToken, OperatorMove } from '../domain/transitions.js'
import type { StoredObject } from './image-uploader.js'

export type Claim =
  | { readonly _tag: 'Claimed'; readonly token: ClaimToken; readonly image: ImageRecord }
  | { readonly _tag: 'Unknown' }
  | ClaimRefusal

export interface Named {
  readonly pseudoStudyUid: PseudoStudyUid
  readonly pseudoPatientId: PseudoPatientId
}

/** A row leased for publication. */
export interface Publication {
  readonly imageId: number
  readonly fence: number
  readonly queue: string
  readonly priority: Priority
  readonly request: StudyRequest
}

/** Which rows an operator, audit or export means; a field left out means all. */
export interface ImageSelection {
  readonly project?: ProjectSlug
  readonly queue?: string
  readonly states?: ReadonlyArray<ImageState>
}

export interface ProjectCounts {
  readonly project: ProjectSlug
  readonly total: number
  readonly states: Readonly<Record<ImageState, number>>
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
}

type Write<A> = TaskEither<StaleClaim | Unavailable, A>

/**
 * The rows: which studies are wanted and where each stands. The truth; messages are only wake-ups.
 *
 * Every write is one transaction together with its line of history. Durations are added to the repository's own time.
 * Writes of a worker carry its token and answer `StaleClaim` when a later claim exists or the row was taken from it.
 */
export interface ExtractRepository {
  /**
   * Makes rows for requests, or joins the requests to the rows that exist, all or none.
   *
   * **Shape** requests for one study (identity: MRN, accession number, StudyInstanceUID within the project) are one row; rows another system
   * wrote are adopted. Merging as architecture section 2: series united, reopened where there is more to do.
   * **Guarantees** the same requests twice is once.
   */
  readonly recordRequests: (
    requests: NonEmptyArray<StudyRequest>,
    priority: Priority,
    queue: string,
  ) => TaskEither<Unavailable, Recorded>
  /** Takes the row of a request for a worker; of many at once one gets it. `Unknown`: no row. */
  readonly claim: (request: StudyRequest, owner: WorkerId, leaseMs: number) => TaskEither<Unavailable, Claim>
  readonly renew: (token: ClaimToken, leaseMs: number) => Write<void>
  /** Gives a row back without an attempt, due after a time. */
  readonly release: (token: ClaimToken, afterMs: number) => Write<void>
  /** Gives a row to another queue, due at once. */
  readonly routeTo: (token: ClaimToken, queue: string) => Write<void>
  /**
   * Stores what the study is and what it is called, before anything leaves. Names already in the row win and are
   * answered. `SameStudy`: another row of the project is this study; the requests moved there and this row ended.
   */
  readonly recordNames: (
    token: ClaimToken,
    studyKey: StudyKey,
    names: Named,
  ) => Write<({ readonly _tag: 'Recorded' } & Named) | { readonly _tag: 'SameStudy' }>
  /** `leftOut`: the instances that were left out of what was sent, for the history. */
  readonly recordDelivery: (
    token: ClaimToken,
    destination: DestinationName,
    state: 'uploaded' | 'delivered',
    object: StoredObject,
    leftOut?: LeftOut,
  ) => Write<void>
  /**
   * The final write, once each of `destinations` (those the project names now) has the study: `requested` when more
   * series were asked for since the claim.
   */
  readonly markExported: (
    token: ClaimToken,
    destinations: ReadonlyArray<DestinationName>,
  ) => Write<'exported' | 'requested'>
  readonly markAwaiting: (token: ClaimToken, checkMs: number, deadlineMs: number) => Write<void>
  readonly markSkipped: (token: ClaimToken, reason: SkippedReason, leftOut: LeftOut) => Write<'skipped' | 'requested'>
  readonly markAbsent: (token: ClaimToken) => Write<void>
  /** `counted`: the failure is the study's own, not an outage's; `cause` names the error without any value. */
  readonly scheduleRetry: (token: ClaimToken, afterMs: number, counted: boolean, cause: string) => Write<void>
  readonly markFailed: (token: ClaimToken, reason: FailedReason, cause: string) => Write<void>

  /**
   * Leases rows to publish, by key: due and never published, publication never confirmed, or the lease of their worker
   * expired. The lease is {@link publicationLeaseMs}; claims ignore it.
   */
  readonly leaseForPublication: (
    limit: number,
    afterImageId: number,
  ) => TaskEither<Unavailable, ReadonlyArray<Publication>>
  /** Notes that the broker confirmed: only on rows still `requested` or `awaiting` with the fence read when leased. */
  readonly stampPublished: (published: ReadonlyArray<Publication>) => TaskEither<Unavailable, void>
  /** Gives up publications that were not confirmed, so that they are due again. */
  readonly abandonPublication: (unpublished: ReadonlyArray<Publication>) => TaskEither<Unavailable, void>
  /** Marks rows of a queue unpublished whose message must be lost: published longer ago than `olderThanMs`. */
  readonly forgetPublished: (queue: string, olderThanMs: number) => TaskEither<Unavailable, number>
  /** Rows of a queue with a live lease. */
  readonly countLeased: (queue: string) => TaskEither<Unavailable, number>
  /** Ends waits whose deadline passed, one attempt each. */
  readonly expireAwaiting: (maxAttempts: number) => TaskEither<Unavailable, number>
  /** What operators do to many rows at once; tells how many moved. */
  readonly move: (move: OperatorMove, selection: ImageSelection) => TaskEither<Unavailable, number>

  /** Counts of all projects, sorted by project: they always add up to the total. */
  readonly countByState: TaskEither<Unavailable, ReadonlyArray<ProjectCounts>>
  /** Every row once, by key; iteration throws nothing but what the driver throws. */
  readonly images: (selection: ImageSelection) => AsyncIterable<ImageRecord>
  /** Oldest first. */
  readonly history: (imageId: number) => TaskEither<Unavailable, ReadonlyArray<ImageEvent>>
  readonly findByPseudoStudyUid: (uid: PseudoStudyUid) => TaskEither<Unavailable, ReadonlyArray<ImageRecord>>
  /** Rows whose MRN, accession number or StudyInstanceUID is exactly this. */
  readonly findByIdentifier: (
    identifier: Sensitive<'Identifier'>,
  ) => TaskEither<Unavailable, ReadonlyArray<ImageRecord>>
}
