import { inspect } from 'node:util'
import { expect } from 'chai'
import type { MemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryCohortReader } from '../../adapters/memory/cohort-reader.js'
import { makeDeidentifiedStore } from '../../adapters/memory/deidentified-store.js'
import type { MemoryInstance } from '../../adapters/memory/deidentifier.js'
import { makeMemoryDeidentifier } from '../../adapters/memory/deidentifier.js'
import { makeMemoryExtractRepository } from '../../adapters/memory/extract-repository.js'
import { makeMemoryImageArchive } from '../../adapters/memory/image-archive.js'
import { makeMemoryImageSource } from '../../adapters/memory/image-source.js'
import { makeMemoryImageUploader } from '../../adapters/memory/image-uploader.js'
import { makeMemoryMessageBus } from '../../adapters/memory/message-bus.js'
import { makeMemoryProjectCatalogue } from '../../adapters/memory/project-catalogue.js'
import { makeMemoryRateLimiter } from '../../adapters/memory/rate-limiter.js'
import { makeMemorySecretStore } from '../../adapters/memory/secret-store.js'
import { makeMemoryTelemetry } from '../../adapters/memory/telemetry.js'
import { makeAudit } from '../../application/audit.js'
import { makeAwaitSettled } from '../../application/await-settled.js'
import { makeBreakers } from '../../application/breakers.js'
import { makeDestinations } from '../../application/destinations.js'
import { makeEnqueueExtract } from '../../application/enqueue-extract.js'
import { makeExplain } from '../../application/explain.js'
import { makeExportStudy } from '../../application/export-study.js'
import { makeLeases } from '../../application/leases.js'
import { makeNaming } from '../../application/naming.js'
import { makeProcessRequest } from '../../application/process-request.js'
import { makePublishDue } from '../../application/publish-due.js'
import { makeReplay } from '../../application/replay.js'
import { makeSweep } from '../../application/sweep.js'
import { makeStartWorker } from '../../application/worker.js'
import type { PipelineEvent } from '../../domain/events.js'
import type { ImageEvent, ImageRecord } from '../../domain/extract.js'
import { isTransition, rowViolations } from '../../domain/extract.js'
import type { ArchiveName, Priority, ProjectSlug } from '../../domain/identifiers.js'
import { DestinationName, known, WorkerId } from '../../domain/identifiers.js'
import { decodeStudyMessage, encodeStudyMessage } from '../../domain/messages/study-message.js'
import type { Project } from '../../domain/project.js'
import { embeddedBackoff } from '../../domain/retry.js'
import { sensitive } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import { rateOf } from '../../domain/token-bucket.js'
import type { ImageUploader } from '../../ports/image-uploader.js'
import type { Channel, Delivery } from '../../ports/message-bus.js'
import { marker, succeed, syntheticRequest } from '../contract/synthetic.js'

export const folder = known(DestinationName, 'folder')
export const ftps = known(DestinationName, 'ftps')
/** A destination nobody has registered. */
export const elsewhere = known(DestinationName, 'elsewhere')
export const primaryQueue = 'imaging-primary'
export const secondaryQueue = 'imaging-secondary'

/** Ports in memory, honest, with all their switches. */
const makePorts = (clock: MemoryClock) => {
  const store = makeDeidentifiedStore()
  const instances = new Map<string, ReadonlyArray<MemoryInstance>>()
  const imageSource = makeMemoryImageSource(store)
  return {
    archive: makeMemoryImageArchive(),
    bus: makeMemoryMessageBus(clock),
    catalogue: makeMemoryProjectCatalogue(),
    cohortReader: makeMemoryCohortReader(),
    deidentifier: makeMemoryDeidentifier(instances, store),
    extracts: makeMemoryExtractRepository(clock),
    folder: makeMemoryImageUploader(imageSource),
    ftps: makeMemoryImageUploader(imageSource),
    imageSource,
    instances,
    limiter: makeMemoryRateLimiter(clock, { primary: rateOf(Infinity), secondary: rateOf(Infinity) }),
    secrets: makeMemorySecretStore(),
    store,
  }
}
export type MemoryPorts = ReturnType<typeof makePorts>

export interface ApplicationOptions {
  /** Ports that behave otherwise than the honest ones; the switches of the honest ones go on working. */
  readonly broken?: (honest: MemoryPorts, clock: MemoryClock) => Partial<MemoryPorts>
  /** Destinations projects may name; `ftps` and `folder` by default. */
  readonly uploaders?: (honest: MemoryPorts) => Readonly<Record<string, ImageUploader>>
  readonly withSecondary?: boolean
  readonly maxAttempts?: number
  readonly maxInFlight?: number
}

/** A project that takes MR images of any manufacturer. */
export const projectOf = (slug: ProjectSlug, destinations: ReadonlyArray<DestinationName> = [folder]): Project => ({
  config: {
    project: { name: slug, modalities: ['MR'], azureKvAlias: null },
    tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
    imageOperationFiles: { deidRecipes: [] },
    allowedManufacturers: [{ regex: '.*', excludeSeriesNumbers: [] }],
    minInstancesPerSeries: 1,
    seriesFilters: [],
    allowSecondaryCapture: false,
    destination: { dicom: destinations, parquet: null },
  },
  scheme: { base: new Map(), overrides: [] },
})

/** Original identifiers of the study behind synthetic request `n`. */
export const originalUid = (n: number): string => `${marker}.study.${n}`
export const originalSeries = (n: number, series: number): string => `${originalUid(n)}.${series}`

const instanceOf = (n: number, series: number, modality: string): MemoryInstance => ({
  studyInstanceUid: originalUid(n),
  seriesInstanceUid: originalSeries(n, series),
  sopInstanceUid: `${originalSeries(n, series)}.1`,
  facts: {
    modality,
    manufacturer: 'Acme',
    seriesNumber: series,
    seriesDescription: 'Head',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.4',
    burnedInAnnotation: 'NO',
    imageType: ['ORIGINAL'],
    conversionType: '',
  },
  pixels: Buffer.from(`pixels of series ${series}`),
})

export interface StudyOptions {
  readonly archive?: ArchiveName
  readonly modalities?: ReadonlyArray<string>
  /** MRNs other than the requested one. */
  readonly mrn?: string
  readonly problem?: string
  /** The request that finds it, when that is not the one of the same number. */
  readonly request?: number
}

interface Run {
  readonly events: () => ReadonlyArray<PipelineEvent>
  readonly rows: () => Promise<ReadonlyArray<ImageRecord>>
  readonly history: (imageId: number) => Promise<ReadonlyArray<ImageEvent>>
}
let started: Array<Run> = []

/** Wires the use cases onto memory adapters. What was started is checked by {@link checkRuns}. */
export const startApplication = (options: ApplicationOptions = {}) => {
  const clock = makeMemoryClock()
  const telemetry = makeMemoryTelemetry()
  const honest = makePorts(clock)
  const ports: MemoryPorts = { ...honest, ...options.broken?.(honest, clock) }
  const { archive, bus, catalogue, deidentifier, extracts, imageSource, limiter } = ports
  const registered = options.uploaders?.(ports) ?? { folder: ports.folder, ftps: ports.ftps }
  const settings = {
    worker: known(WorkerId, 'worker-1'),
    backoff: embeddedBackoff,
    maxAttempts: options.maxAttempts ?? 3,
    primaryQueue,
    secondaryQueue: options.withSecondary === true ? secondaryQueue : null,
  }
  const queues = options.withSecondary === true ? [primaryQueue, secondaryQueue] : [primaryQueue]
  const channelOf = (queue: string): Channel<StudyRequest> => ({
    queue,
    codec: { decode: decodeStudyMessage, encode: (request) => encodeStudyMessage(request, 'plain') },
  })
  let stopping = false

  const naming = makeNaming({
    installationKey: sensitive('installation key'),
    localSalt: sensitive(''),
    randomSalt: () => 'salt',
    secrets: ports.secrets,
  })
  const destinations = makeDestinations((name) => registered[name], null)
  const breakers = makeBreakers({ clock, telemetry })
  const publishDue = makePublishDue({ bus, extracts, channelOf })
  const leases = makeLeases({ clock, extracts, limiter })
  const processRequest = makeProcessRequest({
    archive,
    breakers,
    catalogue,
    clock,
    deidentifier,
    destinations,
    exportStudy: makeExportStudy({ breakers, clock, destinations, extracts, imageSource, telemetry }),
    extracts,
    imageSource,
    leases,
    limiter,
    naming,
    random: () => 0.5,
    settings,
    stopping: () => stopping,
    telemetry,
  })
  const sweep = makeSweep({ bus, clock, extracts, maxAttempts: settings.maxAttempts, publishDue, queues, telemetry })
  const startWorker = makeStartWorker({
    bus,
    channelOf,
    clock,
    leases,
    maxInFlight: options.maxInFlight ?? 5,
    onClose: () => void (stopping = true),
    processRequest,
    queues,
    sweep,
    sweepEveryMs: 500,
  })
  catalogue.put(projectOf(syntheticRequest(1).project))

  const rows = async (): Promise<ReadonlyArray<ImageRecord>> => {
    const all: Array<ImageRecord> = []
    for await (const image of honest.extracts.images({})) all.push(image)
    return all
  }
  const events = telemetry.events
  const eventsOf = <T extends PipelineEvent['_tag']>(tag: T): ReadonlyArray<Extract<PipelineEvent, { _tag: T }>> =>
    telemetry.events().filter((event): event is Extract<PipelineEvent, { _tag: T }> => event._tag === tag)

  const application = {
    ...honest,
    clock,
    breakers,
    destinations,
    leases,
    naming,
    processRequest,
    publishDue,
    sweep,
    startWorker,
    stop: () => void (stopping = true),
    events,
    eventsOf,
    rows,
    audit: makeAudit({ destinations, extracts, naming }),
    awaitSettled: makeAwaitSettled({ breakers, clock, extracts, limiter }),
    enqueueExtract: makeEnqueueExtract({
      catalogue,
      cohortReader: ports.cohortReader,
      destinations,
      extracts,
      publishDue,
      queue: primaryQueue,
      telemetry,
    }),
    explain: makeExplain({ extracts, naming }),
    replay: makeReplay({ extracts, publishDue }),
    /** Puts study `n`, one instance in each series, where request `n` finds it. */
    addStudy: (n: number, { archive: where = 'primary', modalities = ['MR'], ...study }: StudyOptions = {}): void => {
      const all = modalities.map((modality, i) => instanceOf(n, i + 1, modality))
      const asked = study.request ?? n
      honest.instances.set(originalUid(n), all)
      honest.archive.put(where, {
        studyInstanceUid: originalUid(n),
        owners: [{ patientId: study.mrn ?? `${marker}-mrn-${asked}`, accessionNumber: `${marker}-acc-${asked}` }],
        files: all.map(({ sopInstanceUid }) => `/${marker}/${sopInstanceUid}`),
        problem: study.problem ?? null,
      })
    },
    record: (...requests: ReadonlyArray<StudyRequest>) =>
      succeed(honest.extracts.recordRequests([requests[0]!, ...requests.slice(1)], 1, primaryQueue)),
    /** Handles one message, as the bus would have it done. */
    handle: (request: StudyRequest, queue = primaryQueue, priority: Priority = 1) =>
      processRequest({ body: request, priority, queue, redelivered: false } satisfies Delivery<StudyRequest>)(),
    /** The only row. */
    row: async (): Promise<ImageRecord> => {
      const all = await rows()
      expect(all).to.have.length(1)
      return all[0]!
    },
    history: async (imageId = 1): Promise<ReadonlyArray<ImageEvent>> => succeed(honest.extracts.history(imageId)),
    /** Studies finished at a destination. */
    delivered: (destination: 'folder' | 'ftps' = 'folder'): ReadonlyArray<string> => [
      ...honest[destination].objects.keys(),
    ],
    /** Lets a task run while time passes, a second at a time, and gives its answer with the time it took. */
    whileTimePasses: async <A>(task: Promise<A>, limitMs = 600_000): Promise<{ answer: A; tookMs: number }> => {
      const startedAt = clock.now().getTime()
      let answered: { readonly answer: A; readonly tookMs: number } | null = null
      void task.then((answer) => (answered = { answer, tookMs: clock.now().getTime() - startedAt }))
      await clock.advance(0)
      while (answered === null && clock.now().getTime() - startedAt < limitMs) await clock.advance(250)
      if (answered === null) throw new Error(`nothing was answered within ${limitMs} ms`)
      return answered
    },
  }
  started.push(application)
  return application
}
export type TestApplication = ReturnType<typeof startApplication>

/**
 * Checks what holds after every run, whatever went wrong in it: no identifier in telemetry or history, rows that keep
 * the promises, histories of moves the state machine has. To be given to `afterEach`.
 */
export const checkRuns = async (): Promise<void> => {
  const applications = started
  started = []
  for (const application of applications) {
    const rows = await application.rows()
    expect(rows.flatMap(rowViolations)).to.deep.equal([])
    for (const { imageId, state } of rows) {
      const history = await application.history(imageId)
      expectNoMarker(history)
      expect(history[history.length - 1]?.to).to.equal(state)
      for (const { transition, from, to } of history)
        if (transition !== 'deliver' && transition !== 'name')
          expect(isTransition(transition, from, to), `${transition} from ${from} to ${to}`).to.equal(true)
    }
    expectNoMarker(application.events())
  }
}

/** Shows that a value holds no synthetic identifier in any printed form. */
export const expectNoMarker = (value: unknown): void => {
  const printed = `${inspect(value, { depth: null, showHidden: true })} ${JSON.stringify(value)}`
  expect(printed.toLowerCase()).not.to.contain(marker.toLowerCase())
}

/** Something a test keeps waiting until it opens it. */
export const makeGate = (): { readonly open: () => void; readonly passed: () => Promise<void> } => {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, passed: () => opened }
}
