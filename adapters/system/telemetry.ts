import { pino } from 'pino'
import type { PipelineEvent } from '../../domain/events.js'
import type { Telemetry } from '../../ports/telemetry.js'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

const levelOf = (event: PipelineEvent): 'debug' | 'info' | 'warn' | 'error' => {
  switch (event._tag) {
    case 'StudyClaimed':
    case 'Swept':
      return 'debug'
    case 'StudyRetried':
    case 'StudyGivenBack':
    case 'ClaimLost':
    case 'BreakerMoved':
      return 'warn'
    case 'PortFailed':
    case 'HandlerCrashed':
      return 'error'
    case 'CohortEnqueued':
    case 'StudyDelivered':
    case 'InstancesLeftOut':
      return 'info'
    case 'ArchiveScanned':
      return event.damaged + event.unreadable > 0 ? 'warn' : 'info'
    case 'StudyEnded':
      return event.state === 'failed' ? 'warn' : 'info'
  }
}

/** Telemetry that writes one JSON line per event to a file (mode 0600), each before the next step of the program. */
export const makeFileTelemetry = (file: string, level: LogLevel): Telemetry & { readonly close: () => void } => {
  const destination = pino.destination({ dest: file, sync: true, append: true, mode: 0o600 })
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  return {
    record: (event) => () => {
      const { _tag, ...fields } = event
      logger[levelOf(event)](fields, _tag)
    },
    close: () => {
      destination.flushSync()
      destination.end()
    },
  }
}
