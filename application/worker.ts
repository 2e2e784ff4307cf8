import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Task } from 'fp-ts/lib/Task.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { Unavailable } from '../domain/errors.js'
import type { Disposition } from '../domain/routing.js'
import type { StudyRequest } from '../domain/study.js'
import type { Clock } from '../ports/clock.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { Channel, Delivery, MessageBus } from '../ports/message-bus.js'
import type { Leases } from './leases.js'

/** A running worker. */
export interface Worker {
  /** Begins nothing new, finishes what is in hand, and resolves when nothing is left to do. */
  readonly close: Task<void>
}

/** Starts the consumers of the queues and the sweeper beside them. */
export const makeStartWorker = (deps: {
  readonly bus: MessageBus
  readonly channelOf: (queue: string) => Channel<StudyRequest>
  readonly clock: Clock
  readonly leases: Leases
  readonly maxInFlight: number
  /** Told first when the worker closes, so that nothing new is begun. */
  readonly onClose: IO<void>
  readonly processRequest: (delivery: Delivery<StudyRequest>) => Task<Disposition>
  readonly queues: ReadonlyArray<string>
  readonly sweep: Task<void>
  readonly sweepEveryMs: number
}): TE.TaskEither<Unavailable, Worker> =>
  pipe(
    [...deps.queues],
    TE.traverseSeqArray((queue) => deps.bus.subscribe(deps.channelOf(queue), deps.processRequest, deps.maxInFlight)),
    TE.map((subscriptions) => {
      const stopSweeping = deps.clock.repeat(deps.sweepEveryMs, deps.sweep)()
      return {
        close: async () => {
          deps.onClose()
          await stopSweeping()
          await Promise.all(subscriptions.map(({ close }) => close()))
          await deps.leases.close()
        },
      }
    }),
  )
