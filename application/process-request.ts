import * as E from 'fp-ts/lib/Either.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { Task } from 'fp-ts/lib/Task.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Ending, Failure, Target } from '../domain/ending.js'
import { breakerCauseOf, causeText, endingAfter } from '../domain/ending.js'
import type { PixlError, StaleClaim, Unavailable } from '../domain/errors.js'
import { causeOf } from '../domain/errors.js'
import type { StudyName } from '../domain/events.js'
import type { ImageRecord, ImageState } from '../domain/extract.js'
import type { ProjectSlug, PseudoStudyUid, WorkerId } from '../domain/identifiers.js'
import { ArchiveName, DestinationName } from '../domain/identifiers.js'
import type { PseudonymKeys } from '../domain/pseudonyms.js'
import { pseudonymsFor } from '../domain/pseudonyms.js'
import type { Project } from '../domain/project.js'
import { requestFor } from '../domain/recording.js'
import type { LeftOut, Reason } from '../domain/reasons.js'
import { mostFrequentReason } from '../domain/reasons.js'
import type { Backoff } from '../domain/retry.js'
import { backoffMs } from '../domain/retry.js'
import type { Disposition } from '../domain/routing.js'
import { ack, requeue } from '../domain/routing.js'
import type { RawStudyRef, StudyRequest } from '../domain/study.js'
import { claimsBeforeAlone, undelivered } from '../domain/transitions.js'
import type { Clock } from '../ports/clock.js'
import type { Deidentifier } from '../ports/deidentifier.js'
import type { Claim, ExtractRepository } from '../ports/extract-repository.js'
import type { ImageArchive } from '../ports/image-archive.js'
import type { ImageSource } from '../ports/image-source.js'
import type { Delivery } from '../ports/message-bus.js'
import type { ProjectCatalogue } from '../ports/project-catalogue.js'
import type { RateLimiter } from '../ports/rate-limiter.js'
import type { Telemetry } from '../ports/telemetry.js'
import type { Breakers } from './breakers.js'
import type { Destinations } from './destinations.js'
import type { ExportStudy } from './export-study.js'
import type { Leases } from './leases.js'
import { leaseMs } from './leases.js'
import type { Naming } from './naming.js'

export interface WorkSettings {
  readonly worker: WorkerId
  readonly backoff: Backoff
  /** Failures of a study after which it is given up. */
  readonly maxAttempts: number
  readonly primaryQueue: string
  /** Null where there is no secondary archive. */
  readonly secondaryQueue: string | null
}

export interface ProcessRequestDeps {
  readonly archive: ImageArchive
  readonly breakers: Breakers
  readonly catalogue: ProjectCatalogue
  readonly clock: Clock
  readonly deidentifier: Deidentifier
  readonly destinations: Destinations
  readonly exportStudy: ExportStudy
  readonly extracts: ExtractRepository
  readonly imageSource: ImageSource
  readonly leases: Leases
  readonly limiter: RateLimiter
  readonly naming: Naming
  /** Between 0 and 1. */
  readonly random: IO<number>
  readonly settings: WorkSettings
  /** Whether the worker is shutting down: nothing new is begun. */
  readonly stopping: IO<boolean>
  readonly telemetry: Telemetry
}

type Claimed = Extract<Claim, { _tag: 'Claimed' }>
/** What a step of the work gives: something to go on with, or how the claim ends, or why it failed. */
type Step<A> = E.Either<Failure | { readonly ending: Ending }, A>

const longestWaitMs = 30_000
const givenBackMs = 30_000
const slotPollMs = 1000
const awaitDeadlineMs = 7 * 24 * 3600_000
const requeueMs = 5000

const lost: Ending = { _tag: 'Lost' }
/** More series were asked for meanwhile: the row is requested again already. */
const grown: Ending = { _tag: 'Written' }
const end = (ending: Ending): Step<never> => E.left({ ending })
const fail = (target: Target | null, error: PixlError): Step<never> => E.left({ error, target })
const always: TE.TaskEither<PixlError, unknown> = TE.right(undefined)
const secretsOf = (project: ProjectSlug): Target => `secrets of project ${project}`

/**
 * Carries one requested study from the archive to its destinations and records how it ended. The message is
 * acknowledged once that is recorded, never before; when nothing can be recorded it comes back.
 */
export type ProcessRequest = (delivery: Delivery<StudyRequest>) => Task<Disposition>

export const makeProcessRequest = (deps: ProcessRequestDeps): ProcessRequest => {
  const { breakers, extracts, leases, limiter, naming, settings } = deps
  let aloneInHand = 0
  /** Names recorded since the claim was made: the claimed row does not have them. */
  const pseudonymOf = new WeakMap<Claimed['token'], PseudoStudyUid>()
  const nameOf = ({ token, image }: Claimed): StudyName => pseudonymOf.get(token) ?? naming.ofImage(image)

  const archiveOf = (image: ImageRecord): ArchiveName =>
    image.queue === settings.secondaryQueue ? 'secondary' : 'primary'
  const probeOf = (target: Target, { project }: ImageRecord): TE.TaskEither<PixlError, unknown> => {
    if (ArchiveName.is(target)) return deps.archive.probe(target)
    if (target === 'project configurations') return deps.catalogue.list
    if (target === secretsOf(project)) return naming.keys(project)
    const uploader = target !== 'spool' && DestinationName.is(target) ? deps.destinations.uploader(target) : undefined
    return uploader?.probe ?? always
  }
  const jitter = (ms: number): number => Math.round(ms * (0.5 + deps.random()))

  /** Nothing is begun that an open breaker would stop half-way. */
  const admit = async (image: ImageRecord, targets: ReadonlyArray<Target>): Promise<Step<void>> => {
    for (const target of targets) {
      const waitMs = await breakers.admit(target, probeOf(target, image))()
      if (waitMs !== null) return end({ _tag: 'Release', why: 'breaker', afterMs: waitMs })
    }
    return E.right(undefined)
  }

  /** Waits for a token and a slot, a short while. */
  const takeSlot = async (archive: ArchiveName): Promise<Step<{ readonly free: Task<void> }>> => {
    for (let waitedMs = 0; ;) {
      if (deps.stopping()) return end({ _tag: 'Release', why: 'shutdown', afterMs: 0 })
      const taken = await limiter.consume(archive, 1, leaseMs)()
      if (E.isLeft(taken)) return fail(null, taken.left)
      if (taken.right._tag === 'Granted') {
        const { slot } = taken.right
        leases.keepSlot(slot)()
        return E.right({ free: leases.freeSlot(slot) })
      }
      if (taken.right._tag === 'Paused') return end({ _tag: 'Release', why: 'paused', afterMs: givenBackMs })
      const waitMs = taken.right._tag === 'Exhausted' ? taken.right.retryAfterMs : slotPollMs
      if (waitedMs + waitMs > longestWaitMs)
        return end({ _tag: 'Release', why: 'capacity', afterMs: jitter(givenBackMs) })
      const stepMs = Math.min(waitMs, slotPollMs)
      await deps.clock.sleepMs(stepMs)()
      waitedMs += stepMs
    }
  }

  const retrieve = async (image: ImageRecord): Promise<Step<RawStudyRef>> => {
    const archive = archiveOf(image)
    const slot = await takeSlot(archive)
    if (E.isLeft(slot)) return slot
    try {
      const wanted = { ...requestFor(image), seriesInstanceUids: image.claimedSeries }
      const raw = await deps.archive.retrieve(archive, wanted)()
      if (E.isLeft(raw)) return fail(archive, raw.left)
      breakers.succeeded(archive)()
      return raw
    } finally {
      await slot.right.free()
    }
  }

  const deidentifyAndSend = async (
    { token, image }: Claimed,
    project: Project,
    destinations: ReadonlyArray<DestinationName>,
    keys: PseudonymKeys,
    raw: RawStudyRef,
  ): Promise<Step<Ending>> => {
    const studyKey = naming.studyKey(image.project, raw.studyInstanceUid)
    const named = await extracts.recordNames(token, studyKey, naming.names(image, raw.studyInstanceUid))()
    if (E.isLeft(named)) return fail(null, named.left)
    if (named.right._tag === 'SameStudy') return E.right({ _tag: 'Written' })
    pseudonymOf.set(token, named.right.pseudoStudyUid)
    const pseudonyms = pseudonymsFor(keys, image.project, raw.studyInstanceUid, named.right)
    const made = await deps.deidentifier.deidentify(raw, pseudonyms, project, image.claimedSeries, token.fence)()
    if (E.isLeft(made)) return fail(breakerCauseOf(made.left) === null ? null : 'spool', made.left)
    if (made.right._tag === 'Skipped')
      return E.right({ _tag: 'Skip', reason: made.right.reason, leftOut: made.right.leftOut })
    const { ref, leftOut } = made.right
    reportLeftOut(image, named.right.pseudoStudyUid, leftOut)
    try {
      return await deps.exportStudy.send({ token, image }, made.right, destinations)()
    } finally {
      // A folder that cannot be removed now is removed when the worker starts again.
      await deps.imageSource.discard(ref)()
    }
  }

  const reportLeftOut = ({ project }: ImageRecord, study: PseudoStudyUid, leftOut: LeftOut): void => {
    if (mostFrequentReason(leftOut) !== null)
      deps.telemetry.record({ _tag: 'InstancesLeftOut', project, study, leftOut })()
  }

  const work = async (claim: Claimed): Promise<Step<Ending>> => {
    const { image } = claim
    const readable = await admit(image, ['project configurations'])
    if (E.isLeft(readable)) return readable
    const project = await deps.catalogue.find(image.project)()
    if (E.isLeft(project)) return fail('project configurations', project.left)
    breakers.succeeded('project configurations')()
    const destinations = deps.destinations.of(project.right)
    if (E.isLeft(destinations)) return fail(null, destinations.left)
    if (destinations.right.length === 0) return E.right({ _tag: 'Skip', reason: 'NoDestination', leftOut: {} })
    const missing = undelivered(image, destinations.right)
    const isUploaded = (name: DestinationName): boolean =>
      image.deliveries.some(({ destination, state }) => destination === name && state === 'uploaded')
    const admitted = await admit(image, missing)
    if (E.isLeft(admitted)) return admitted
    if (missing.every(isUploaded)) return deps.exportStudy.check(claim, destinations.right)()
    const ready = await admit(image, [archiveOf(image), 'spool', secretsOf(image.project)])
    if (E.isLeft(ready)) return ready
    const keys = await naming.keys(image.project)()
    if (E.isLeft(keys)) return fail(secretsOf(image.project), keys.left)
    breakers.succeeded(secretsOf(image.project))()
    const raw = await retrieve(image)
    return E.isLeft(raw) ? raw : deidentifyAndSend(claim, project.right, destinations.right, keys.right, raw.right)
  }

  const endingOf = async (image: ImageRecord, step: Step<Ending>): Promise<Ending> => {
    if (E.isRight(step)) return step.right
    if ('ending' in step.left) return step.left.ending
    const { error, target } = step.left
    const outage = target === null ? false : await breakers.failed(target, error, probeOf(target, image))()
    return endingAfter(error, {
      outage,
      attempts: image.attempts,
      maxAttempts: settings.maxAttempts,
      secondaryQueue: archiveOf(image) === 'primary' ? settings.secondaryQueue : null,
    })
  }

  const record = ({ token, image }: Claimed, ending: Ending): TE.TaskEither<StaleClaim | Unavailable, unknown> => {
    switch (ending._tag) {
      case 'Exported':
      case 'Written':
      case 'Lost':
        return TE.right(undefined)
      case 'Await':
        return extracts.markAwaiting(token, ending.checkMs, awaitDeadlineMs)
      case 'Skip':
        return extracts.markSkipped(token, ending.reason, ending.leftOut)
      case 'Absent':
        return extracts.markAbsent(token)
      case 'Route':
        return extracts.routeTo(token, ending.queue)
      case 'Release':
        return extracts.release(token, ending.afterMs)
      case 'Fail':
        return extracts.markFailed(token, ending.reason, causeText(ending.error))
      case 'Retry':
        return extracts.scheduleRetry(token, retryAfterMs(image, ending), ending.counted, causeText(ending.error))
    }
  }
  const retryAfterMs = (image: ImageRecord, { counted }: { readonly counted: boolean }): number =>
    backoffMs(settings.backoff, counted ? image.attempts + 1 : 1, deps.random())

  const report = (claim: Claimed, ending: Ending): void => {
    const { project } = claim.image
    const study = nameOf(claim)
    const say = (event: Parameters<Telemetry['record']>[0]): void => deps.telemetry.record(event)()
    const ended = (state: ImageState, reason: Reason | null, leftOut: LeftOut = {}): void =>
      say({ _tag: 'StudyEnded', project, study, state, reason, leftOut })
    if (ending._tag === 'Exported') ended('exported', null)
    if (ending._tag === 'Skip') ended('skipped', ending.reason, ending.leftOut)
    if (ending._tag === 'Absent') ended('absent', 'NotInArchive')
    if (ending._tag === 'Fail') ended('failed', ending.reason)
    if (ending._tag === 'Lost') say({ _tag: 'ClaimLost', project, study })
    if (ending._tag === 'Release')
      say({ _tag: 'StudyGivenBack', project, study, why: ending.why, afterMs: ending.afterMs })
    if (ending._tag === 'Retry')
      say({ _tag: 'StudyRetried', project, study, error: causeText(ending.error), counted: ending.counted })
  }

  /** A crash is a bug: it is reported, and counts against the study like a failure without a cause. */
  const guarded = async (claim: Claimed): Promise<Step<Ending>> => {
    try {
      return await work(claim)
    } catch (caught) {
      const cause = causeOf(caught)
      deps.telemetry.record({ _tag: 'HandlerCrashed', during: 'process-request', cause })()
      return fail(null, { _tag: 'Unavailable', port: 'Deidentifier', cause })
    }
  }

  const run = async (claim: Claimed): Promise<Disposition> => {
    const { image, token } = claim
    deps.telemetry.record({
      _tag: 'StudyClaimed',
      project: image.project,
      study: nameOf(claim),
      attempts: image.attempts,
    })()
    const alone = image.claims >= claimsBeforeAlone
    if (alone && aloneInHand > 0) return settle(claim, { _tag: 'Release', why: 'alone', afterMs: jitter(givenBackMs) })
    aloneInHand += alone ? 1 : 0
    const step = await leases.whileHeld(token, () => guarded(claim))()
    aloneInHand -= alone ? 1 : 0
    return settle(claim, await endingOf(image, step))
  }

  const settle = async (claim: Claimed, ending: Ending): Promise<Disposition> => {
    const recorded = await record(claim, ending)()
    if (E.isLeft(recorded) && recorded.left._tag === 'Unavailable') return unrecorded(recorded.left)
    const ended = E.isLeft(recorded) ? lost : recorded.right === 'requested' ? grown : ending
    report(claim, ended)
    return ack
  }

  const unrecorded = ({ cause }: Unavailable): Disposition => {
    deps.telemetry.record({
      _tag: 'PortFailed',
      during: 'process-request',
      error: 'Unavailable ExtractRepository',
      cause,
    })()
    return requeue(requeueMs)
  }

  /** A message without a row is recorded first, then handled like any other. */
  const claimOrRecord = async ({
    body,
    priority,
    queue,
  }: Delivery<StudyRequest>): Promise<E.Either<Unavailable, Claim>> => {
    const claim = await extracts.claim(body, settings.worker, leaseMs)()
    if (E.isLeft(claim) || claim.right._tag !== 'Unknown') return claim
    const recorded = await extracts.recordRequests([body], priority, queue)()
    return E.isLeft(recorded) ? recorded : extracts.claim(body, settings.worker, leaseMs)()
  }

  return (delivery) => async () => {
    const claim = await claimOrRecord(delivery)
    if (E.isLeft(claim)) return unrecorded(claim.left)
    return claim.right._tag === 'Claimed' ? run(claim.right) : ack
  }
}
