import type {
  DestinationName,
  Priority,
  ProjectSlug,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId,
} from './identifiers.js'
import type { LeftOut, Reason } from './reasons.js'
import { absentReasons, failedReasons, skippedReasons } from './reasons.js'
import type { AccessionNumber, Mrn, SeriesInstanceUid, StudyInstanceUid } from './sensitive.js'

/** Where a study stands. The last four are ends; only a new request, replay or resume leaves them. */
export const imageStates = [
  'requested',
  'claimed',
  'awaiting',
  'held',
  'exported',
  'skipped',
  'absent',
  'failed',
] as const
export type ImageState = (typeof imageStates)[number]

/** One asking for a study: several extracts, or several procedures of one, may ask for the same study. */
export interface ImageRequest {
  /** When the extract was generated, as its original text. */
  readonly extractGeneratedTimestamp: string
  readonly procedureOccurrenceId: number | null
  readonly priority: Priority
}

/** One destination of one study. `uploaded` = accepted, visible there only after a later step of the destination. */
export interface ImageDelivery {
  readonly destination: DestinationName
  readonly state: 'pending' | 'uploaded' | 'delivered'
  readonly remoteName: string | null
  readonly bytes: number | null
  readonly sha256: string | null
  readonly deliveredAt: Date | null
}

/** One study wanted by one project. */
export interface ImageRecord {
  readonly imageId: number
  readonly project: ProjectSlug
  readonly mrn: Mrn | null
  readonly accessionNumber: AccessionNumber | null
  readonly studyInstanceUid: StudyInstanceUid | null
  readonly studyDate: string
  readonly state: ImageState
  /** Why it ended; null in every state but the ends other than `exported`. */
  readonly reason: Reason | null
  /** Series asked for, sorted; empty = the whole study. */
  readonly series: ReadonlyArray<SeriesInstanceUid>
  /** `series` as they were when the work in hand began. */
  readonly claimedSeries: ReadonlyArray<SeriesInstanceUid>
  readonly requests: ReadonlyArray<ImageRequest>
  readonly priority: Priority
  readonly queue: string
  /** Failures of the study itself. */
  readonly attempts: number
  /** Claims in a row that ended by expiry. */
  readonly claims: number
  /** Not before this time: the next claim (`requested`), the next check (`awaiting`). */
  readonly nextActionAt: Date | null
  /** When `awaiting` gives up. */
  readonly deadlineAt: Date | null
  readonly publishedAt: Date | null
  readonly publishingUntil: Date | null
  readonly leaseOwner: WorkerId | null
  readonly leaseUntil: Date | null
  /** Number of the latest claim; writes of earlier ones are refused. */
  readonly fence: number
  readonly studyKey: StudyKey | null
  readonly pseudoStudyUid: PseudoStudyUid | null
  readonly pseudoPatientId: PseudoPatientId | null
  readonly exportedAt: Date | null
  readonly deliveries: ReadonlyArray<ImageDelivery>
}

/**
 * The state machine: every way a study can move. Transitions, checks and the README's picture derive from this table.
 * `requested` as a target means: published again by the sweeper when `nextActionAt` has come.
 */
export const transitionTable = {
  request: {
    from: [],
    to: ['requested', 'exported'],
    when: 'a cohort row or message asks for a study that has no row',
  },
  merge: {
    from: imageStates,
    to: imageStates,
    when: 'another request for the same study: series are united, the higher priority wins; the state stays',
  },
  reopen: {
    from: ['exported', 'skipped', 'absent', 'failed'],
    to: ['requested'],
    when: 'the union of series grew (exported, skipped), or another extract asks (absent, failed)',
  },
  claim: {
    from: ['requested', 'claimed', 'awaiting'],
    to: ['claimed'],
    when: 'a worker takes it: it is due, or the lease on it has expired',
  },
  adopt: {
    from: ['requested', 'claimed', 'awaiting'],
    to: ['exported'],
    when: 'a claim finds it exported by another system',
  },
  lose: { from: ['claimed'], to: ['failed'], when: 'the tenth claim in a row that ended by expiry' },
  release: { from: ['claimed'], to: ['requested'], when: 'no capacity now: no slot, breaker open, pause, shutdown' },
  route: { from: ['claimed'], to: ['requested'], when: 'not in the primary archive: the secondary is asked' },
  retry: { from: ['claimed'], to: ['requested'], when: 'an attempt failed; the next one waits for the backoff' },
  await: { from: ['claimed'], to: ['awaiting'], when: 'handed to something that answers later' },
  expire: {
    from: ['awaiting'],
    to: ['requested', 'failed'],
    when: 'the deadline passed: one attempt, or the last one',
  },
  export: {
    from: ['claimed'],
    to: ['exported', 'requested'],
    when: 'every destination has it (again requested when the series grew meanwhile)',
  },
  skip: {
    from: ['claimed'],
    to: ['skipped', 'requested'],
    when: 'nothing of it may leave (again requested when the series grew meanwhile)',
  },
  absent: { from: ['claimed'], to: ['absent'], when: 'no archive has it' },
  fail: { from: ['claimed'], to: ['failed'], when: 'trying again would not help, or was tried often enough' },
  hold: { from: ['requested', 'claimed'], to: ['held'], when: 'an operator paused the project or purged the queue' },
  resume: { from: ['held'], to: ['requested'], when: 'an operator resumed' },
  cancel: { from: ['requested', 'held'], to: ['skipped'], when: 'an operator cancelled' },
  replay: { from: ['failed', 'absent'], to: ['requested'], when: 'an operator asked for another try' },
} as const satisfies Readonly<
  Record<string, { from: ReadonlyArray<ImageState>; to: ReadonlyArray<ImageState>; when: string }>
>
export type TransitionName = keyof typeof transitionTable

/** Whether the table has this move. */
export const isTransition = (name: TransitionName, from: ImageState | null, to: ImageState): boolean => {
  const { from: sources, to: targets }: { from: ReadonlyArray<ImageState>; to: ReadonlyArray<ImageState> } =
    transitionTable[name]
  if (name === 'merge') return from === to
  return (from === null ? sources.length === 0 : sources.includes(from)) && targets.includes(to)
}

/** One line of a study's history; append-only. Holds nothing identifying. */
export interface ImageEvent {
  readonly at: Date
  readonly transition: TransitionName | 'deliver' | 'name'
  readonly from: ImageState | null
  readonly to: ImageState
  readonly reason: Reason | null
  readonly fence: number
  readonly detail: EventDetail
}

/** What a history line may say besides; every field is optional. */
export interface EventDetail {
  readonly leftOut?: LeftOut
  readonly destination?: DestinationName
  readonly delivery?: ImageDelivery['state']
  readonly remoteName?: string
  readonly queue?: string
  /** Tag and cause of the error, such as `Unavailable ImageArchive ECONNREFUSED`. */
  readonly cause?: string
  readonly afterMs?: number
  readonly attempts?: number
  /** Whether the failure counts against the study. */
  readonly counted?: boolean
}

/** The state operators see: what another system exported counts as exported whatever our own column says. */
export const effectiveState = (image: Pick<ImageRecord, 'state' | 'exportedAt'>): ImageState =>
  image.exportedAt === null ? image.state : 'exported'

const reasonFits = ({ state, reason }: ImageRecord): boolean => {
  if (state === 'skipped') return (skippedReasons as ReadonlyArray<unknown>).includes(reason)
  if (state === 'absent') return (absentReasons as ReadonlyArray<unknown>).includes(reason)
  if (state === 'failed') return (failedReasons as ReadonlyArray<unknown>).includes(reason)
  return reason === null
}

/** What is wrong with a row by itself, as sentences; empty when it keeps the promises. Used by audit and the tests. */
export const rowViolations = (image: ImageRecord): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const check = (holds: boolean, otherwise: string): void => void (holds || wrong.push(otherwise))
  if (effectiveState(image) === image.state)
    check(
      reasonFits(image),
      `the state ${image.state} has ${image.reason === null ? 'no reason' : 'a reason of another state'}`,
    )
  check(
    image.state !== 'requested' || image.nextActionAt !== null,
    'it is requested without a time for its next action',
  )
  check(
    image.state !== 'claimed' || (image.leaseUntil !== null && image.leaseOwner !== null),
    'it is claimed without a lease',
  )
  check(image.state === 'claimed' || image.leaseUntil === null, `it is ${image.state} and still holds a lease`)
  check(
    image.state !== 'awaiting' || (image.nextActionAt !== null && image.deadlineAt !== null),
    'it is awaiting without a next check or a deadline',
  )
  check(image.state !== 'exported' || image.exportedAt !== null, 'it is exported without a time of export')
  check(
    image.state !== 'exported' || image.deliveries.every(({ state }) => state === 'delivered'),
    'it is exported though a destination does not have it',
  )
  check(
    image.deliveries.every(({ state, remoteName }) => state === 'pending' || remoteName !== null),
    'a delivery has no remote name',
  )
  return wrong
}
