import type { IO } from 'fp-ts/lib/IO.js'
import type { Task } from 'fp-ts/lib/Task.js'

/** Time, so that tests can have their own. */
export interface Clock {
  /** The present instant (UTC). */
  readonly now: IO<Date>
  /** Waits; `ms` of 0 or less yields once. */
  readonly sleepMs: (ms: number) => Task<void>
  /**
   * Runs a task again and again, waiting `everyMs` before each run. The answer stops it and resolves once a run under
   * way has ended.
   */
  readonly repeat: (everyMs: number, task: Task<void>) => IO<Task<void>>
}
