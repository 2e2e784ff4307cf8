import { expect } from 'chai'
import { Container } from 'inversify'
import type { Application } from '../../application/application.js'
import { tokens } from '../../composition/tokens.js'
import { assemble } from '../../composition/use-cases.js'
import { repeatBySleeping } from '../../adapters/memory/clock.js'
import { makeMemoryMessageBus } from '../../adapters/memory/message-bus.js'
import { makeMemoryRateLimiter } from '../../adapters/memory/rate-limiter.js'
import { makeMemoryTelemetry } from '../../adapters/memory/telemetry.js'
import { DestinationName, known, WorkerId } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import { rateOf } from '../../domain/token-bucket.js'
import type { Clock } from '../../ports/clock.js'
import type { CohortReader } from '../../ports/cohort-reader.js'
import type { Deidentifier } from '../../ports/deidentifier.js'
import type { ExtractRepository, ProjectCounts } from '../../ports/extract-repository.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader } from '../../ports/image-uploader.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'
import type { SecretStore } from '../../ports/secret-store.js'
import { succeed } from '../contract/synthetic.js'
import type { Steps } from './steps.js'
import { makeSteps } from './steps.js'

/** What outlives a process. */
export interface Stores {
  readonly archive: ImageArchive
  readonly catalogue: ProjectCatalogue
  readonly cohortReader: CohortReader
  readonly deidentifier: Deidentifier
  readonly extracts: ExtractRepository
  readonly imageSource: ImageSource
  readonly secrets: SecretStore
  readonly uploader: ImageUploader
  /** What a start finds and does before it works: leases of the dead process end, its spool is emptied. */
  readonly restart: () => Promise<void>
  /** Objects the destination shows, sorted. */
  readonly delivered: () => Promise<ReadonlyArray<string>>
  readonly clock: Clock
  /** The cohort to enqueue. */
  readonly source: string
}

/** Real time, without the long waits. */
export const hastyClock = (skippedMs: () => number): Clock => {
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 2)))
  return {
    now: () => new Date(Date.now() + skippedMs()),
    sleepMs: (ms) => () => sleep(ms),
    // A process that has died does not keep the tests waiting for its next repetition.
    repeat: repeatBySleeping(() => () => new Promise((resolve) => setTimeout(resolve, 200).unref())),
  }
}

/** A process over the stores: its own bus, limiter and memory. */
const startProcess = (stores: Stores, steps: Steps): Omit<Application, 'close'> => {
  const container = new Container()
  const folder = known(DestinationName, 'folder')
  const { clock } = stores
  container.bind(tokens.Clock).toConstantValue(clock)
  container.bind(tokens.CohortReader).toConstantValue(steps.count(stores.cohortReader))
  container.bind(tokens.Deidentifier).toConstantValue(steps.count(stores.deidentifier))
  container.bind(tokens.ExtractRepository).toConstantValue(steps.count(stores.extracts, ['countByState']))
  container.bind(tokens.ImageArchive).toConstantValue(steps.count(stores.archive))
  container.bind(tokens.ImageSource).toConstantValue(steps.count(stores.imageSource))
  container.bind(tokens.MessageBus).toConstantValue(steps.count(makeMemoryMessageBus(clock)))
  container.bind(tokens.ProjectCatalogue).toConstantValue(stores.catalogue)
  container
    .bind(tokens.RateLimiter)
    .toConstantValue(steps.count(makeMemoryRateLimiter(clock, { primary: rateOf(Infinity) })))
  container.bind(tokens.SecretStore).toConstantValue(steps.count(stores.secrets))
  container.bind(tokens.Telemetry).toConstantValue(makeMemoryTelemetry())
  container
    .bind(tokens.ImageUploader)
    .toConstantValue(steps.count(stores.uploader, ['probe']))
    .whenNamed(folder)
  return assemble(container, {
    worker: known(WorkerId, 'worker-1'),
    backoff: { baseMs: 1, capMs: 1 },
    maxAttempts: 3,
    primaryQueue: 'imaging-primary',
    secondaryQueue: null,
    maxInFlight: 1,
    sweepEveryMs: 1,
    messageFormat: 'plain',
    deliverTo: folder,
    installationKey: sensitive('installation key'),
    localSalt: sensitive(''),
  })
}

/** Enqueues, works until nothing is left, gives what failed or was absent another try, and works again. */
const live = async (stores: Stores, steps: Steps): Promise<ReadonlyArray<ProjectCounts>> => {
  const application = startProcess(stores, steps)
  await succeed(application.enqueueExtract(stores.source, 1))
  const worker = await succeed(application.startWorker)
  await succeed(
    application.awaitSettled(
      () => undefined,
      () => false,
    ),
  )
  await succeed(application.replay({ only: 'absent' }))
  const settled = await succeed(
    application.awaitSettled(
      () => undefined,
      () => false,
    ),
  )
  await worker.close()
  return settled.counts
}

/** A life that may be cut short. */
const liveOrDie = async (stores: Stores, diesAfter: number | null): Promise<number> => {
  const steps = makeSteps(diesAfter)
  await Promise.race([live(stores, steps), steps.died])
  return steps.taken()
}

/** Steps of a life nobody ends. */
export const countSteps = (stores: Stores): Promise<number> => liveOrDie(stores, null)

/**
 * Lets a process die at a step, starts another on what it left, and shows that the end is the one of an undisturbed
 * life: every study accounted for, one object each, nothing half-done (P1 to P3).
 */
export const checkDeath = async (
  stores: Stores,
  diesAfter: number,
  expected: { readonly counts: ReadonlyArray<ProjectCounts>; readonly delivered: ReadonlyArray<string> },
): Promise<void> => {
  await liveOrDie(stores, diesAfter)
  await stores.restart()
  const counts = await live(stores, makeSteps(null))
  expect(counts).to.deep.equal(expected.counts)
  expect(await stores.delivered()).to.deep.equal(expected.delivered)
  const report = await succeed(startProcess(stores, makeSteps(null)).audit)
  expect(report.violations).to.deep.equal([])
  expect(report.unchecked).to.deep.equal([])
}

/** What an undisturbed life gives. */
export const undisturbed = async (stores: Stores) => ({
  counts: await live(stores, makeSteps(null)),
  delivered: await stores.delivered(),
})
