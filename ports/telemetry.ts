import type { IO } from 'fp-ts/lib/IO.js'
import type { PipelineEvent } from '../domain/events.js'

/** Where events go. Recording never fails and never waits. */
export interface Telemetry {
  readonly record: (event: PipelineEvent) => IO<void>
}
