import { expect } from 'chai'
import type * as TE from 'fp-ts/lib/TaskEither.js'
import type { ImageRecord } from '../../domain/extract.js'
import type { DestinationName, WorkerId } from '../../domain/identifiers.js'
import {
  DestinationName as Destination,
  known,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId as Worker,
} from '../../domain/identifiers.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { Claim, ExtractRepository } from '../../ports/extract-repository.js'
import type { Harness } from './contract.js'
import { succeed } from './synthetic.js'

/** A repository, and hands that reach behind it. */
export interface ExtractRepositoryHarness extends Harness {
  readonly repository: ExtractRepository
  /** Lets time pass for the repository. */
  readonly elapse: (ms: number) => Promise<void>
  /** Writes a row the way the Python services do. */
  readonly writeForeignRow: (row: { readonly request: StudyRequest; readonly exportedAt: Date | null }) => Promise<void>
  /** Sets `exported_at` of a row the way the Python services do. */
  readonly exportForeign: (request: StudyRequest, at: Date) => Promise<void>
  /** A request the store refuses to write; absent where every request can be written. */
  readonly refused?: StudyRequest
  /** The same adapter on a store that cannot be reached; absent where it always can. */
  readonly unreachable?: ExtractRepository
}

/** Two workers that know nothing of each other. */
export const worker: WorkerId = known(Worker, 'worker-1')
export const other: WorkerId = known(Worker, 'worker-2')
/** Two destinations. */
export const folder: DestinationName = known(Destination, 'folder')
export const elsewhere: DestinationName = known(Destination, 'elsewhere')
/** What the clauses write: leases, objects and names of the usual form. */
export const leaseMs = 60_000
export const object = { remoteName: 'project-one/2.25.1.zip', bytes: 10, sha256: 'ab' }
export const names = { pseudoStudyUid: known(PseudoStudyUid, '2.25.1'), pseudoPatientId: known(PseudoPatientId, 'p1') }
export const key = (n: number): StudyKey => known(StudyKey, n.toString(16).padStart(64, '0'))
/** A request of another extract. */
export const nextExtract = { extract: '2024-01-01T00:00:00+00:00' }

/** Records requests at the lowest priority. */
export const record = ({ repository }: ExtractRepositoryHarness, ...requests: ReadonlyArray<StudyRequest>) =>
  succeed(repository.recordRequests([requests[0]!, ...requests.slice(1)], 1, 'primary'))

/** The claim on a study that can be claimed. */
export const claimed = async ({ repository }: ExtractRepositoryHarness, request: StudyRequest, owner = worker) => {
  const claim = await succeed(repository.claim(request, owner, leaseMs))
  if (claim._tag !== 'Claimed') throw new Error(`expected a claim, got ${claim._tag}`)
  return claim
}
/** Records a request and claims it. */
export const begin = async (h: ExtractRepositoryHarness, request: StudyRequest): Promise<ClaimToken> => {
  await record(h, request)
  return (await claimed(h, request)).token
}
/** Every row. */
export const rows = async ({ repository }: ExtractRepositoryHarness): Promise<ReadonlyArray<ImageRecord>> => {
  const all: Array<ImageRecord> = []
  for await (const image of repository.images({})) all.push(image)
  return all
}
/** The one row there is. */
export const only = async (h: ExtractRepositoryHarness): Promise<ImageRecord> => {
  const all = await rows(h)
  expect(all).to.have.length(1)
  return all[0]!
}
/** State and reason of every row. */
export const states = async (h: ExtractRepositoryHarness) => (await rows(h)).map(({ state, reason }) => [state, reason])
/** Ends a claim with a delivery to the only destination. */
export const deliver = async ({ repository }: ExtractRepositoryHarness, token: ClaimToken) => {
  await succeed(repository.recordDelivery(token, folder, 'delivered', object))
  return succeed(repository.markExported(token, [folder]))
}
/** How a claim is answered. */
export const tag = async (claim: TE.TaskEither<unknown, Claim>) => (await succeed(claim))._tag

/** Every write of a worker, each with a token. */
export const writes = (
  repository: ExtractRepository,
  token: ClaimToken,
): Readonly<Record<string, TE.TaskEither<unknown, unknown>>> => ({
  renew: repository.renew(token, leaseMs),
  release: repository.release(token, 0),
  routeTo: repository.routeTo(token, 'secondary'),
  recordNames: repository.recordNames(token, key(1), names),
  recordDelivery: repository.recordDelivery(token, folder, 'delivered', object),
  markExported: repository.markExported(token, [folder]),
  markAwaiting: repository.markAwaiting(token, 1000, 2000),
  markSkipped: repository.markSkipped(token, 'SeriesFiltered', {}),
  markAbsent: repository.markAbsent(token),
  scheduleRetry: repository.scheduleRetry(token, 1000, true, 'Unavailable'),
  markFailed: repository.markFailed(token, 'UnreadableFile', 'UnreadableStudy'),
})
