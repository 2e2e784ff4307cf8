import type { PipelineEvent } from '../../domain/events.js'
import type { Telemetry } from '../../ports/telemetry.js'

/** Telemetry that keeps what was recorded, for tests and for runs that tell nothing. */
export interface MemoryTelemetry extends Telemetry {
  /** Everything recorded so far, in order. */
  readonly events: () => ReadonlyArray<PipelineEvent>
}

/** Keeps the last 10,000 events, so that a long run stays small. */
export const makeMemoryTelemetry = (limit = 10_000): MemoryTelemetry => {
  let events: Array<PipelineEvent> = []
  return {
    record: (event) => () => {
      events.push(event)
      if (events.length >= 2 * limit) events = events.slice(-limit)
    },
    events: () => events.slice(-limit),
  }
}
