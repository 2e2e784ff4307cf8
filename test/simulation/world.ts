import * as TE from 'fp-ts/lib/TaskEither.js'
import { makeMemoryExtractRepository } from '../../adapters/memory/extract-repository.js'
import { makeMemoryMessageBus } from '../../adapters/memory/message-bus.js'
import { makeMemoryRateLimiter } from '../../adapters/memory/rate-limiter.js'
import { makeBreakers } from '../../application/breakers.js'
import { makeDestinations } from '../../application/destinations.js'
import { makeExportStudy } from '../../application/export-study.js'
import { makeLeases } from '../../application/leases.js'
import type { Naming } from '../../application/naming.js'
import { makeProcessRequest } from '../../application/process-request.js'
import { makePublishDue } from '../../application/publish-due.js'
import { makeSweep } from '../../application/sweep.js'
import { makeStartWorker } from '../../application/worker.js'
import type { ImageRecord } from '../../domain/extract.js'
import type { DestinationName } from '../../domain/identifiers.js'
import { DestinationName as Destination, known, PseudoPatientId, StudyKey, WorkerId } from '../../domain/identifiers.js'
import type { Project } from '../../domain/project.js'
import { sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { Clock } from '../../ports/clock.js'
import type { Channel, MessageBus } from '../../ports/message-bus.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'
import type { RateLimiter } from '../../ports/rate-limiter.js'
import type { Telemetry } from '../../ports/telemetry.js'
import type { FaultRates } from './faults.js'
import { careless, makeMortal, withFaults } from './faults.js'
import type { SimDestination, SimStudy, Weather } from './hospital.js'
import {
  makeSimArchive,
  makeSimDeidentifier,
  makeSimUploader,
  freshPseudonym,
  project,
  simImageSource,
} from './hospital.js'
import type { Protections } from './protections.js'
import type { Random } from './random.js'
import type { Deeds } from './rules.js'
import { acknowledging, noting, stampingEarly, unprotectedRepository, watched } from './rules.js'
import type { Scheduler } from './scheduler.js'

export const queues = { primary: 'imaging-primary', secondary: 'imaging-secondary' }

/** Everything that outlives a worker. */
export interface World {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly studies: ReadonlyArray<SimStudy>
  readonly weather: Weather
  readonly destinations: ReadonlyArray<SimDestination>
  readonly repository: ReturnType<typeof makeMemoryExtractRepository>
  readonly bus: ReturnType<typeof makeMemoryMessageBus>
  readonly limiter: RateLimiter
  readonly protections: Protections
  /** How often what goes wrong at present. */
  rates: FaultRates
  /** Broken rules that were seen while they happened. */
  readonly seen: Array<string>
}

const slots = 2

export const makeWorld = (
  scheduler: Scheduler,
  random: Random,
  studies: ReadonlyArray<SimStudy>,
  destinationNames: ReadonlyArray<string>,
  protections: Protections,
): World => ({
  scheduler,
  random,
  studies,
  protections,
  weather: { archiveOut: false, destinationOut: false, destinationFull: false },
  destinations: destinationNames.map((name) => ({
    name: known(Destination, name),
    visible: new Map(),
    parts: new Map(),
    accepted: random.chance(0.2) ? new Map() : null,
    showLater: (show) => void scheduler.sleep(random.below(120_000)).then(show),
  })),
  repository: makeMemoryExtractRepository(scheduler),
  bus: makeMemoryMessageBus(scheduler),
  limiter: makeMemoryRateLimiter(scheduler, {
    primary: { ratePerSecond: 2, capacity: 3, slots },
    secondary: { ratePerSecond: 2, capacity: 3, slots },
  }),
  rates: { crash: 0, failure: 0, delay: 0 },
  seen: [],
})

/** Asks for a study as a cohort row does. */
export const requestOf = (study: SimStudy, series: ReadonlyArray<string>, extract: string): StudyRequest => ({
  project,
  projectName: project,
  mrn: sensitiveOrNull(`mrn-${study.uid}`),
  accessionNumber: sensitive('accession'),
  studyInstanceUid: null,
  seriesInstanceUids: series.map((uid) => sensitive(uid)),
  studyDate: '2024-01-01',
  procedureOccurrenceId: 1,
  extractGeneratedTimestamp: extract,
  pseudoPatientId: null,
})

/** Messages of the simulation name the study by its MRN; what is asked of it stands in the row. */
const channelOf = (queue: string): Channel<StudyRequest> => ({
  queue,
  codec: {
    encode: ({ mrn }) => Buffer.from(mrn!.reveal()),
    decode: (bytes) => ({
      _tag: 'Right',
      right: requestOf({ uid: Buffer.from(bytes).toString().slice(4) } as SimStudy, [], 'message'),
    }),
  },
})

const namingBy = (scheduler: Scheduler): Naming => ({
  ofImage: ({ pseudoStudyUid }) => pseudoStudyUid ?? ('0000000000000000' as never),
  studyKey: (_project, original) => known(StudyKey, original.reveal().padStart(64, '0')),
  names: (_image, original) => ({
    pseudoStudyUid: freshPseudonym(original.reveal(), scheduler.nowMs()),
    pseudoPatientId: known(PseudoPatientId, 'patient'),
  }),
  keys: () => {
    const none = sensitive<'Secret'>('')
    return TE.right({ installationKey: none, projectSalt: none, localSalt: none })
  },
})

const silent: Telemetry = { record: () => () => undefined }

const catalogueOf = (destinations: ReadonlyArray<DestinationName>): ProjectCatalogue => {
  const config = { destination: { dicom: destinations, parquet: null } }
  return { find: () => TE.right({ config } as unknown as Project), list: TE.right([project]) }
}

let workers = 0

/** Starts a worker; a broker that is away is waited for. */
export const startWorker = async (world: World, onDeath: () => void): Promise<void> => {
  const { scheduler, random, studies, weather, bus, protections } = world
  const subscriptions: Array<() => Promise<void>> = []
  const mortal = makeMortal(scheduler, () => {
    // The broker notices that the connection is gone: what was in flight is delivered to others.
    for (const close of subscriptions) void close()
    bus.dropConnection()
    onDeath()
  })
  const rates = (): FaultRates => world.rates
  const faulty = <P extends object>(
    port: P,
    name: Parameters<typeof withFaults>[1],
    tasks: ReadonlyArray<keyof P> = [],
  ): P => withFaults(port, name, tasks, mortal, rates, random)
  const rowOf = (id: number): ImageRecord => world.repository.row(id)!

  const deeds: Deeds = { confirmed: new Set(), claimed: new Map() }
  const extracts = faulty(watched(world, unprotectedRepository(world, rowOf), deeds, rowOf), 'ExtractRepository', [
    'countByState',
  ])
  const limiter = faulty(
    protections.slotExpiry
      ? world.limiter
      : { ...world.limiter, consume: (archive, tokens) => world.limiter.consume(archive, tokens, 1e12) },
    'RateLimiter',
  )
  const shaky = faulty<MessageBus>(careless(bus, rates, random), 'MessageBus')
  const publishing: MessageBus = {
    ...shaky,
    subscribe: (to, onMessage, maxInFlight) =>
      TE.map(
        (subscription: { close: () => Promise<void>; pause: () => Promise<void>; resume: () => Promise<void> }) => {
          subscriptions.push(subscription.close)
          return subscription
        },
      )(
        bus.subscribe(
          to,
          (delivery) => async () => {
            await mortal.pass(0)
            return onMessage(delivery)()
          },
          maxInFlight,
        ),
      ),
  }
  const breakers = makeBreakers({ clock: scheduler, telemetry: silent })
  const byName = new Map(
    world.destinations.map((destination) => [
      destination.name,
      faulty(
        makeSimUploader(
          destination,
          (uid) => studies.find((study) => study.uid === uid)!,
          weather,
          protections,
          random,
          () => world.rates.failure > 0,
          mortal,
        ),
        'ImageUploader',
        ['probe'],
      ),
    ]),
  )
  const destinations = makeDestinations((name) => byName.get(name), null)
  /** What a dead worker repeats is never run again. */
  const clock: Clock = {
    ...scheduler,
    sleepMs: (ms) => () => mortal.pass(ms),
    repeat: (everyMs, task) => scheduler.repeat(everyMs, () => mortal.pass(0).then(task)),
  }
  const leases = makeLeases({
    clock: protections.renewal ? clock : { ...clock, repeat: () => () => () => Promise.resolve() },
    extracts,
    limiter,
  })
  const catalogue = catalogueOf(world.destinations.map(({ name }) => name))
  const publishDue = makePublishDue({
    bus: noting(publishing, deeds),
    extracts: protections.stampAfterConfirm ? extracts : stampingEarly(extracts),
    channelOf,
  })
  const settings = {
    worker: known(WorkerId, `worker-${++workers}`),
    backoff: { baseMs: 1000, capMs: 10_000 },
    maxAttempts: 40,
    primaryQueue: queues.primary,
    secondaryQueue: queues.secondary,
  }
  const processRequest = makeProcessRequest({
    archive: faulty(makeSimArchive(studies, weather, mortal), 'ImageArchive'),
    breakers,
    catalogue,
    clock,
    deidentifier: faulty(makeSimDeidentifier(studies, mortal), 'Deidentifier'),
    destinations,
    exportStudy: makeExportStudy({
      breakers,
      clock: scheduler,
      destinations,
      extracts,
      imageSource: simImageSource,
      telemetry: silent,
    }),
    extracts,
    imageSource: simImageSource,
    leases,
    limiter,
    naming: namingBy(scheduler),
    random: random.next,
    settings,
    stopping: () => false,
    telemetry: silent,
  })
  const sweep = makeSweep({
    bus: publishing,
    clock: scheduler,
    extracts: protections.lossSearch ? extracts : { ...extracts, forgetPublished: () => TE.right(0) },
    maxAttempts: settings.maxAttempts,
    publishDue,
    queues: Object.values(queues),
    telemetry: silent,
  })
  const start = makeStartWorker({
    bus: publishing,
    channelOf,
    clock,
    leases,
    maxInFlight: 2,
    onClose: () => undefined,
    processRequest: acknowledging(world, processRequest, deeds),
    queues: Object.values(queues),
    sweep,
    sweepEveryMs: 20_000,
  })
  if ((await start())._tag === 'Right') return
  await mortal.pass(5000)
  // A start that failed has closed what it was given: the next one is made anew.
  await startWorker(world, onDeath)
}
