import { randomBytes } from 'node:crypto'
import type { Container } from 'inversify'
import type { Application } from '../application/application.js'
import { makeAudit } from '../application/audit.js'
import { makeAwaitSettled } from '../application/await-settled.js'
import { makeBreakers } from '../application/breakers.js'
import { makeDestinations } from '../application/destinations.js'
import { makeEnqueueExtract } from '../application/enqueue-extract.js'
import { makeExplain } from '../application/explain.js'
import { makeExportStudy } from '../application/export-study.js'
import { makeLeases } from '../application/leases.js'
import { makeNaming } from '../application/naming.js'
import type { WorkSettings } from '../application/process-request.js'
import { makeProcessRequest } from '../application/process-request.js'
import { makePublishDue } from '../application/publish-due.js'
import { makeReplay } from '../application/replay.js'
import { makeSweep } from '../application/sweep.js'
import { makeStartWorker } from '../application/worker.js'
import type { DestinationName } from '../domain/identifiers.js'
import type { MessageFormat } from '../domain/messages/study-message.js'
import { decodeStudyMessage, encodeStudyMessage } from '../domain/messages/study-message.js'
import type { Secret } from '../domain/sensitive.js'
import type { StudyRequest } from '../domain/study.js'
import type { Channel } from '../ports/message-bus.js'
import { tokens } from './tokens.js'

/** What the work of an installation depends on besides its ports. */
export interface WorkOptions extends WorkSettings {
  readonly maxInFlight: number
  readonly sweepEveryMs: number
  readonly messageFormat: MessageFormat
  /** The one destination that takes everything instead of those the projects name; null = as the projects say. */
  readonly deliverTo: DestinationName | null
  readonly installationKey: Secret
  readonly localSalt: Secret
}

/** Wires the use cases to the ports of a container. */
export const assemble = (container: Container, options: WorkOptions): Omit<Application, 'close'> => {
  const clock = container.get(tokens.Clock)
  const telemetry = container.get(tokens.Telemetry)
  const extracts = container.get(tokens.ExtractRepository)
  const bus = container.get(tokens.MessageBus)
  const limiter = container.get(tokens.RateLimiter)
  const catalogue = container.get(tokens.ProjectCatalogue)
  const imageSource = container.get(tokens.ImageSource)
  const queues = [options.primaryQueue, ...(options.secondaryQueue === null ? [] : [options.secondaryQueue])]
  const channelOf = (queue: string): Channel<StudyRequest> => ({
    queue,
    codec: { decode: decodeStudyMessage, encode: (request) => encodeStudyMessage(request, options.messageFormat) },
  })

  const naming = makeNaming({
    installationKey: options.installationKey,
    localSalt: options.localSalt,
    randomSalt: () => randomBytes(8).toString('hex'),
    secrets: container.get(tokens.SecretStore),
  })
  const destinations = makeDestinations((name) => uploaderOf(container, name), options.deliverTo)
  const breakers = makeBreakers({ clock, telemetry })
  const publishDue = makePublishDue({ bus, extracts, channelOf })

  const startWorker: Application['startWorker'] = () => {
    let stopping = false
    const leases = makeLeases({ clock, extracts, limiter })
    const processRequest = makeProcessRequest({
      archive: container.get(tokens.ImageArchive),
      breakers,
      catalogue,
      clock,
      deidentifier: container.get(tokens.Deidentifier),
      destinations,
      exportStudy: makeExportStudy({ breakers, clock, destinations, extracts, imageSource, telemetry }),
      extracts,
      imageSource,
      leases,
      limiter,
      naming,
      random: Math.random,
      settings: options,
      stopping: () => stopping,
      telemetry,
    })
    const sweep = makeSweep({ bus, clock, extracts, maxAttempts: options.maxAttempts, publishDue, queues, telemetry })
    return makeStartWorker({
      bus,
      channelOf,
      clock,
      leases,
      maxInFlight: options.maxInFlight,
      onClose: () => void (stopping = true),
      processRequest,
      queues,
      sweep,
      sweepEveryMs: options.sweepEveryMs,
    })()
  }

  return {
    status: extracts.countByState,
    explain: makeExplain({ extracts, naming }),
    audit: makeAudit({ destinations, extracts, naming }),
    enqueueExtract: makeEnqueueExtract({
      catalogue,
      cohortReader: container.get(tokens.CohortReader),
      destinations,
      extracts,
      publishDue,
      queue: options.primaryQueue,
      telemetry,
    }),
    startWorker,
    awaitSettled: makeAwaitSettled({ breakers, clock, extracts, limiter }),
    replay: makeReplay({ extracts, publishDue }),
  }
}

/** The uploader bound under a name, if there is one. */
export const uploaderOf = (container: Container, name: DestinationName) =>
  container.isBound(tokens.ImageUploader, { name }) ? container.get(tokens.ImageUploader, { name }) : undefined
