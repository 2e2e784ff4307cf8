import * as E from 'fp-ts/lib/Either.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { causeText } from '../domain/ending.js'
import type { Unavailable } from '../domain/errors.js'
import type { Clock } from '../ports/clock.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { MessageBus } from '../ports/message-bus.js'
import type { Telemetry } from '../ports/telemetry.js'
import type { PublishDue } from './publish-due.js'

/** A queue that has been empty for so long, with nothing in hand, has lost the messages of the rows that wait for it. */
const emptyForMs = 60_000
/** After so long a message is sent again whatever the queue says; a duplicate does nothing. */
const staleAfterMs = 24 * 3600_000

/**
 * Brings back what would otherwise wait for ever: rows that are due, unconfirmed publications, expired leases, lost
 * messages, and waits whose deadline passed. Every worker sweeps; trouble is reported and met again by the next sweep.
 */
export const makeSweep = (deps: {
  readonly bus: MessageBus
  readonly clock: Clock
  readonly extracts: ExtractRepository
  readonly maxAttempts: number
  readonly publishDue: PublishDue
  readonly queues: ReadonlyArray<string>
  readonly telemetry: Telemetry
}): Task<void> => {
  const emptySince = new Map<string, number>()

  const attempt = async (during: string, task: TaskEither<Unavailable, number>): Promise<number> => {
    const result = await task()
    if (E.isRight(result)) return result.right
    const { cause } = result.left
    deps.telemetry.record({ _tag: 'PortFailed', during, error: causeText(result.left), cause })()
    return 0
  }

  /** Whether a queue has been empty, with nothing in hand, for a minute. */
  const isDrained = async (queue: string): Promise<boolean> => {
    const depth = await deps.bus.depth(queue)()
    const leased = await deps.extracts.countLeased(queue)()
    const busy =
      E.isLeft(depth) || E.isLeft(leased) || depth.right.ready + (depth.right.unacknowledged ?? 0) + leased.right > 0
    if (busy) emptySince.delete(queue)
    const since = emptySince.get(queue) ?? deps.clock.now().getTime()
    if (!busy) emptySince.set(queue, since)
    return !busy && deps.clock.now().getTime() - since >= emptyForMs
  }

  return async () => {
    const expired = await attempt('sweep: end waits', deps.extracts.expireAwaiting(deps.maxAttempts))
    let forgotten = 0
    for (const queue of deps.queues) {
      const olderThanMs = (await isDrained(queue)) ? emptyForMs : staleAfterMs
      forgotten += await attempt('sweep: find lost messages', deps.extracts.forgetPublished(queue, olderThanMs))
    }
    const published = await attempt('sweep: publish', deps.publishDue)
    if (published + expired + forgotten > 0) deps.telemetry.record({ _tag: 'Swept', published, expired, forgotten })()
  }
}
