import * as E from 'fp-ts/lib/Either.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../domain/errors.js'
import type { Disposition } from '../domain/routing.js'
import type { StudyRequest } from '../domain/study.js'
import type { Clock } from '../ports/clock.js'
import type { Channel, Delivery, MessageBus, Subscription } from '../ports/message-bus.js'
import type { Leases } from './leases.js'

/** A running worker. */
export interface Worker {
  /** Begins nothing new, finishes what is in hand, and resolves when nothing is left to do. */
  readonly close: Task<void>
}

/**
 * Starts the consumers of the queues and the sweeper beside them. A start that fails has closed the leases it was given:
 * the next one needs new ones.
 */
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
}): TaskEither<Unavailable, Worker> => {
  const { bus, channelOf, leases } = deps

  const end = async (subscriptions: ReadonlyArray<Subscription>): Promise<void> => {
    deps.onClose()
    await Promise.all(subscriptions.map(({ close }) => close()))
    await leases.close()
  }

  return async () => {
    const subscriptions: Array<Subscription> = []
    for (const queue of deps.queues) {
      const subscribed = await bus.subscribe(channelOf(queue), deps.processRequest, deps.maxInFlight)()
      if (E.isLeft(subscribed)) {
        await end(subscriptions)
        return subscribed
      }
      subscriptions.push(subscribed.right)
    }
    const stopSweeping = deps.clock.repeat(deps.sweepEveryMs, deps.sweep)()
    return E.right({ close: async () => void (await Promise.all([end(subscriptions), stopSweeping()])) })
  }
}
