import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryClock } from '../../adapters/memory/clock.js'
import type { MemoryMessageBus } from '../../adapters/memory/message-bus.js'
import { makeMemoryMessageBus } from '../../adapters/memory/message-bus.js'
import type { Unavailable } from '../../domain/errors.js'
import type { Disposition } from '../../domain/routing.js'
import { ack, requeue } from '../../domain/routing.js'
import type { Delivery, MessageBus, Subscription } from '../../ports/message-bus.js'
import type { MessageBusHarness } from '../contract/message-bus.js'
import type { Mutant } from './mutants.js'

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  broken: (honest: MemoryMessageBus, clock: MemoryClock) => Partial<MessageBus>,
  more: (honest: MemoryMessageBus) => Partial<MessageBusHarness> = () => ({}),
): Mutant<MessageBusHarness> => ({
  title,
  breaks,
  start: () => {
    const clock = makeMemoryClock()
    const honest = makeMemoryMessageBus(clock)
    return Promise.resolve({
      bus: { ...honest, ...broken(honest, clock) },
      queue: 'imaging',
      elapse: clock.advance,
      dropConnection: async () => honest.dropConnection(),
      stopServer: async () => honest.setReachable(false),
      close: () => Promise.resolve(),
      ...more(honest),
    })
  },
})

/** A bus that changes what a handler is given or what it answers. */
const withHandler =
  (
    change: (
      handler: (delivery: Delivery<unknown>) => Promise<Disposition>,
    ) => (delivery: Delivery<unknown>) => Promise<Disposition>,
  ) =>
  (honest: MessageBus): Partial<MessageBus> => ({
    subscribe: (to, onMessage, maxInFlight) => {
      const changed = change((delivery) => onMessage(delivery as never)())
      return honest.subscribe(to, (delivery) => () => changed(delivery), maxInFlight)
    },
  })

/** A bus whose handlers' answers are replaced. */
const answering = (change: (disposition: Disposition) => Disposition) =>
  withHandler((handler) => async (delivery) => change(await handler(delivery)))

const withSubscription =
  (change: (honest: Subscription) => Partial<Subscription>) =>
  (honest: MessageBus): Partial<MessageBus> => ({
    subscribe: (...args) =>
      TE.map((subscription: Subscription) => ({ ...subscription, ...change(subscription) }))(honest.subscribe(...args)),
  })

const nothing = TE.right<Unavailable, void>(undefined)
const timers: Array<NodeJS.Timeout> = []

/** Ends the timers a mutant left. */
export const stopTimers = (): void => timers.splice(0).forEach((timer) => clearInterval(timer))

/** Message buses broken on purpose. */
export const mutants: ReadonlyArray<Mutant<MessageBusHarness>> = [
  mutant('publishes when the task is built', ['does nothing until the task is run'], (honest) => ({
    publish: (...args) => {
      const early = honest.publish(...args)()
      return () => early
    },
  })),
  mutant('subscribes when the task is built', ['does nothing until the task is run'], (honest) => ({
    subscribe: (...args) => {
      const early = honest.subscribe(...args)()
      return () => early
    },
  })),
  mutant(
    'says published and is not',
    [
      'delivers what was published, with its priority and queue, in order',
      'keeps messages for a subscriber that comes later',
    ],
    () => ({ publish: () => nothing }),
  ),
  mutant('turns batches round', ['delivers what was published, with its priority and queue, in order'], (honest) => ({
    publish: (to, messages, priority) => honest.publish(to, [...messages].reverse() as never, priority),
  })),
  mutant('drops what nobody listens to', ['keeps messages for a subscriber that comes later'], (honest) => ({
    subscribe: (to, ...args) => TE.chain(() => honest.subscribe(to, ...args))(honest.purge(to.queue)),
  })),
  mutant(
    'knows one priority',
    [
      'delivers higher priorities first',
      'delivers a requeued message again, not before its time, with the same priority',
    ],
    (honest) => ({ publish: (to, messages) => honest.publish(to, messages, 3) }),
  ),
  mutant(
    'delivers all at once',
    ['has at most maxInFlight messages unsettled at once, and as many as that'],
    (honest) => ({ subscribe: (to, onMessage) => honest.subscribe(to, onMessage, 1000) }),
  ),
  mutant(
    'delivers one at a time whatever is allowed',
    ['has at most maxInFlight messages unsettled at once, and as many as that'],
    (honest) => ({ subscribe: (to, onMessage) => honest.subscribe(to, onMessage, 1) }),
  ),
  mutant(
    'takes an acknowledgement for a requeue',
    ['does not deliver again what was acknowledged'],
    answering((disposition) => (disposition._tag === 'Ack' ? requeue(1000) : disposition)),
  ),
  mutant(
    'acknowledges on delivery',
    [
      'delivers again what was not acknowledged when the connection broke',
      'delivers again what a handler threw at, and goes on with the rest',
    ],
    withHandler((handler) => async (delivery) => {
      handler(delivery).catch(() => undefined)
      return ack
    }),
  ),
  mutant(
    'delivers for the first time every time',
    ['delivers again what was not acknowledged when the connection broke'],
    withHandler((handler) => (delivery) => handler({ ...delivery, redelivered: false })),
  ),
  mutant(
    'requeues at once',
    ['delivers a requeued message again, not before its time, with the same priority'],
    answering((disposition) => (disposition._tag === 'Requeue' ? requeue(0) : disposition)),
  ),
  mutant(
    'acknowledges what is to be requeued',
    ['delivers a requeued message again, not before its time, with the same priority'],
    answering((disposition) => (disposition._tag === 'Requeue' ? ack : disposition)),
  ),
  mutant(
    'waits with a message in hand',
    ['goes on with other messages while one waits to be delivered again'],
    (honest, clock) =>
      withHandler((handler) => async (delivery) => {
        const disposition = await handler(delivery)
        if (disposition._tag === 'Requeue') await clock.sleepMs(disposition.afterMs)()
        return disposition
      })(honest),
  ),
  mutant(
    'drops dead letters',
    ['keeps a dead letter with its reason, and delivers it no more'],
    answering((disposition) => (disposition._tag === 'DeadLetter' ? ack : disposition)),
  ),
  mutant(
    'forgets the reason of a dead letter',
    ['keeps a dead letter with its reason, and delivers it no more'],
    answering((disposition) => (disposition._tag === 'DeadLetter' ? { ...disposition, reason: 'Dead' } : disposition)),
  ),
  mutant(
    'lists the newest dead letters, all of them',
    ['lists dead letters oldest first, as many as asked, without their bodies'],
    (honest) => ({
      readDeadLetters: (queue) =>
        TE.map((all: ReadonlyArray<never>) => [...all].reverse())(honest.readDeadLetters(queue, 99) as never),
    }),
  ),
  mutant(
    'counts dead letters and leaves them',
    ['puts dead letters back on their queue when they are replayed, and tells how many'],
    (honest) => ({
      replayDeadLetters: (queue) =>
        TE.map((all: ReadonlyArray<unknown>) => all.length)(honest.readDeadLetters(queue, 99)),
    }),
  ),
  mutant(
    'hands over what it cannot decode',
    ['dead-letters what cannot be decoded and never hands it to the handler'],
    (honest) => ({
      subscribe: ({ queue, codec }, ...args) =>
        honest.subscribe(
          {
            queue,
            codec: { ...codec, decode: (bytes) => E.right(E.toUnion(codec.decode(bytes)) as never) },
          },
          ...args,
        ),
    }),
  ),
  mutant(
    'stops at a handler that throws',
    ['delivers again what a handler threw at, and goes on with the rest'],
    (honest) =>
      withHandler((handler) => (delivery) => handler(delivery).catch(() => new Promise(() => undefined)))(honest),
  ),
  mutant(
    'does not pause',
    ['delivers nothing while paused, and does not count a pause as a redelivery'],
    withSubscription(() => ({ pause: async () => undefined })),
  ),
  mutant(
    'pauses by giving back what it took',
    ['delivers nothing while paused, and does not count a pause as a redelivery'],
    (honest) => {
      let isPaused = false
      return {
        subscribe: (to, onMessage, maxInFlight) =>
          TE.map((subscription: Subscription) => ({
            ...subscription,
            pause: async () => void (isPaused = true),
            resume: async () => void (isPaused = false),
          }))(
            honest.subscribe(
              to,
              (delivery) => async () => (isPaused ? requeue(5) : onMessage(delivery)()),
              maxInFlight,
            ),
          ),
      }
    },
  ),
  mutant('gives back what is in flight when paused', ['settles what is in flight while paused'], (honest) =>
    withSubscription(({ pause }) => ({ pause: () => pause().then(honest.dropConnection) }))(honest),
  ),
  mutant(
    'closes without waiting',
    ['closes a subscription once what is in flight is settled, and leaves the rest on the queue'],
    withSubscription(({ pause }) => ({ close: pause })),
  ),
  mutant(
    'goes on when closed',
    ['closes a subscription once what is in flight is settled, and leaves the rest on the queue'],
    (honest) => ({
      subscribe: (to, onMessage, maxInFlight) => {
        let [closed, busy] = [(): void => undefined, 0]
        const counted = (delivery: Delivery<never>) => async () => {
          busy++
          const disposition = await onMessage(delivery)()
          if (--busy === 0) closed()
          return disposition
        }
        const close = () => new Promise<void>((resolve) => (closed = ((before) => () => (before(), resolve()))(closed)))
        return TE.map((subscription: Subscription) => ({ ...subscription, close }))(
          honest.subscribe(to, counted as never, maxInFlight),
        )
      },
    }),
  ),
  mutant('purges nothing', ['purges what is waiting, tells how much, and leaves what is in flight'], (honest) => ({
    purge: (queue) => TE.map(({ ready }: { ready: number }) => ready)(honest.depth(queue)),
  })),
  mutant(
    'purges what is in flight too',
    ['purges what is waiting, tells how much, and leaves what is in flight'],
    (honest) => ({
      purge: (queue) => TE.map((count: number) => (honest.loseAllMessages(), count))(honest.purge(queue)),
    }),
  ),
  mutant(
    'counts what is in flight as waiting',
    ['tells how many messages are waiting and, where it can, how many are in flight'],
    (honest) => ({
      depth: (queue) =>
        TE.map(({ ready, unacknowledged }: { ready: number; unacknowledged: number | null }) => ({
          ready: ready + (unacknowledged ?? 0),
          unacknowledged,
        }))(honest.depth(queue)),
    }),
  ),
  mutant('has one queue', ['keeps queues apart'], (honest) => ({
    publish: (to, ...args) => honest.publish({ ...to, queue: 'imaging' }, ...args),
    depth: () => honest.depth('imaging'),
  })),
  mutant(
    'rejects what it cannot write',
    ['never rejects, and publishes nothing of a batch it cannot write'],
    (honest) => ({
      publish: (to, messages, priority) => async () => {
        messages.forEach((message) => to.codec.encode(message))
        return honest.publish(to, messages, priority)()
      },
    }),
  ),
  mutant('publishes half a batch', ['never rejects, and publishes nothing of a batch it cannot write'], (honest) => ({
    publish: (to, messages, priority) => async () => {
      const results = await Promise.all(messages.map((message) => honest.publish(to, [message], priority)()))
      return results.find(E.isLeft) ?? E.right(undefined)
    },
  })),
  mutant(
    'answers without its broker',
    ['is unavailable, for the time being, when its broker is'],
    () => ({}),
    () => ({
      stopServer: () => Promise.resolve(),
    }),
  ),
  mutant('tells messages in its errors', ['is unavailable, for the time being, when its broker is'], (honest) => ({
    publish: (to, messages, priority) =>
      TE.mapLeft((error: Unavailable) => ({ ...error, cause: { name: String(messages) } }))(
        honest.publish(to, messages, priority),
      ),
  })),
  mutant('leaves a timer running', ['leaves no timer or connection behind when closed'], (honest) => ({
    publish: (...args) => {
      timers.push(setInterval(() => undefined, 60_000))
      return honest.publish(...args)
    },
  })),
]
