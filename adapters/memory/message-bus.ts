import * as E from 'fp-ts/lib/Either.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { Disposition } from '../../domain/routing.js'
import type { Clock } from '../../ports/clock.js'
import type {
  Channel,
  DeadLetterEntry,
  Delivery,
  MessageBus,
  MessageCodec,
  Subscription,
} from '../../ports/message-bus.js'
import type { Message, Queue } from './queue.js'
import { makeQueue } from './queue.js'

/** The bus of one process, with what tests need to break it. */
export interface MemoryMessageBus extends MessageBus {
  /** Forgets every message, dead letters too, as a broker does that lost its disk. What is in flight settles nothing. */
  readonly loseAllMessages: () => void
  /** Breaks and restores the connection: what is in flight is delivered again, its handlers settle nothing. */
  readonly dropConnection: () => void
  /** While it is not reachable every call is `Unavailable` and nothing is delivered. */
  readonly setReachable: (reachable: boolean) => void
}

/** A message whose handler threw waits this long, so that a handler that always throws does not spin. */
const afterCrashMs = 1_000
/** Longest sleep while messages wait for their time: how late a closed bus may still hold a timer. */
const longestSleepMs = 250
/** Deliveries in one turn of the event loop, so that timers and other work get theirs. */
const deliveriesPerTurn = 256

interface Consumer {
  readonly deliver: (message: Message) => void
  readonly takes: () => boolean
}

/** Decodes as the port promises, whatever the codec does. */
const decodeWith = <A>(codec: MessageCodec<A>, bytes: Uint8Array): E.Either<unknown, A> => {
  try {
    return codec.decode(bytes)
  } catch (caught) {
    return E.left(caught)
  }
}

/** Moves a consumer behind the others, so that all get their share. */
const takeTurn = (consumers: Set<Consumer>, consumer: Consumer): void => {
  consumers.delete(consumer)
  consumers.add(consumer)
}

/** Carries messages within one process, encoded like those of a broker. */
export const makeMemoryMessageBus = (clock: Clock): MemoryMessageBus => {
  const queues = new Map<string, Queue>()
  const consumers = new Map<Queue, Set<Consumer>>()
  const scheduled = new Set<Queue>()
  const sleeping = new Set<Queue>()
  let reachable = true

  const nowMs = (): number => clock.now().getTime()

  const queueOf = (name: string): Queue => {
    const queue = queues.get(name) ?? makeQueue()
    queues.set(name, queue)
    return queue
  }

  const consumersOf = (queue: Queue): Set<Consumer> => {
    const known = consumers.get(queue) ?? new Set()
    consumers.set(queue, known)
    return known
  }

  /** Delivers in a turn of its own: however many messages there are, the stack does not grow. */
  const schedule = (queue: Queue): void => {
    if (scheduled.has(queue)) return
    scheduled.add(queue)
    setImmediate(() => {
      scheduled.delete(queue)
      deliverSome(queue)
    })
  }

  const deliverSome = (queue: Queue): void => {
    queue.releaseDue(nowMs())
    for (let i = 0; i < deliveriesPerTurn; i++) {
      const consumer = reachable ? [...consumersOf(queue)].find(({ takes }) => takes()) : undefined
      const message = consumer && queue.next()
      if (!message) return wakeLater(queue)
      takeTurn(consumersOf(queue), consumer)
      consumer.deliver(message)
    }
    schedule(queue)
  }

  const wakeLater = (queue: Queue): void => {
    const dueMs = queue.nextDueMs()
    if (dueMs === null || sleeping.has(queue) || consumersOf(queue).size === 0) return
    sleeping.add(queue)
    void clock
      .sleepMs(Math.max(1, Math.min(longestSleepMs, dueMs - nowMs())))()
      .then(() => {
        sleeping.delete(queue)
        schedule(queue)
      })
  }

  const settle = (queue: Queue, message: Message, disposition: Disposition): void => {
    if (!queue.settle(message)) return
    switch (disposition._tag) {
      case 'Ack':
        return
      case 'Requeue':
        return queue.delay(message, nowMs() + Math.max(0, disposition.afterMs || 0))
      case 'DeadLetter':
        return queue.bury(message, disposition.reason, clock.now())
    }
  }

  const subscribe = <A>(
    { queue: name, codec }: Channel<A>,
    onMessage: (delivery: Delivery<A>) => Task<Disposition>,
    maxInFlight: number,
  ): Subscription => {
    const queue = queueOf(name)
    let inFlight = 0
    let isPaused = false
    let drained: Promise<void> | null = null
    let announceDrained = (): void => undefined

    const run = async (message: Message, body: A): Promise<void> => {
      const { priority, redelivered } = message
      try {
        settle(queue, message, await onMessage({ body, priority, queue: name, redelivered })())
      } catch {
        if (queue.settle(message)) queue.delay(message, nowMs() + afterCrashMs)
      }
      inFlight--
      if (inFlight === 0) announceDrained()
      schedule(queue)
    }

    const consumer: Consumer = {
      takes: () => !isPaused && inFlight < maxInFlight,
      deliver: (message) => {
        const decoded = decodeWith(codec, message.bytes)
        if (E.isLeft(decoded)) return settle(queue, message, { _tag: 'DeadLetter', reason: 'Undecodable' })
        inFlight++
        void run(message, decoded.right)
      },
    }

    const close = (): Promise<void> => {
      consumersOf(queue).delete(consumer)
      drained ??= inFlight === 0 ? Promise.resolve() : new Promise((resolve) => (announceDrained = resolve))
      return drained
    }

    consumersOf(queue).add(consumer)
    schedule(queue)
    return {
      pause: async () => {
        isPaused = true
      },
      resume: async () => {
        isPaused = false
        schedule(queue)
      },
      close,
    }
  }

  const answer =
    <A>(run: () => A): TaskEither<Unavailable, A> =>
    async () =>
      reachable
        ? E.tryCatch(run, (caught) => unavailable('MessageBus', caught))
        : E.left(unavailable('MessageBus', { name: 'NotReachable' }))

  return {
    publish: (to, messages, priority) =>
      answer(() => {
        const encoded = messages.map((message) => to.codec.encode(message))
        const queue = queueOf(to.queue)
        for (const bytes of encoded) queue.push({ bytes: Uint8Array.from(bytes), priority, redelivered: false })
        schedule(queue)
      }),
    subscribe: (to, onMessage, maxInFlight) => answer(() => subscribe(to, onMessage, maxInFlight)),
    depth: (name) => answer(() => queueOf(name).depth()),
    purge: (name) => answer(() => queueOf(name).purge()),
    readDeadLetters: (name, limit) => answer((): ReadonlyArray<DeadLetterEntry> => queueOf(name).deadLetters(limit)),
    replayDeadLetters: (name) =>
      answer(() => {
        const count = queueOf(name).unbury()
        schedule(queueOf(name))
        return count
      }),
    loseAllMessages: () => queues.forEach((queue) => queue.clear()),
    dropConnection: () =>
      queues.forEach((queue) => {
        queue.returnInFlight()
        schedule(queue)
      }),
    setReachable: (isReachable) => {
      reachable = isReachable
      if (!reachable) queues.forEach((queue) => queue.returnInFlight())
      queues.forEach(schedule)
    },
  }
}
