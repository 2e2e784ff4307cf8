import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { decodeError } from '../../domain/decode.js'
import type { Unavailable } from '../../domain/errors.js'
import { isTransient } from '../../domain/errors.js'
import type { Priority } from '../../domain/identifiers.js'
import type { Disposition } from '../../domain/routing.js'
import { ack, deadLetter, requeue } from '../../domain/routing.js'
import type { Channel, Delivery, MessageBus, MessageCodec, Subscription } from '../../ports/message-bus.js'
import type { Clause, Harness } from './contract.js'

/** A bus and the name of a queue nobody has used. */
export interface MessageBusHarness extends Harness {
  readonly bus: MessageBus
  readonly queue: string
  /** Lets time pass for the bus, and lets deliveries arrive. */
  readonly elapse: (ms: number) => Promise<void>
  /** Breaks the connection to the broker and lets the bus restore it. */
  readonly dropConnection: () => Promise<void>
  /** Makes the broker unreachable. */
  readonly stopServer: () => Promise<void>
}

/** Must not be seen outside a message's body. */
const marker = 'MRN-5512-MARKER'

const codec: MessageCodec<string> = {
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => {
    const text = new TextDecoder().decode(bytes)
    return text.startsWith('bad') ? E.left(decodeError('value: expected something good')) : E.right(text)
  },
}

const channel = (h: MessageBusHarness, suffix = ''): Channel<string> => ({ queue: `${h.queue}${suffix}`, codec })

const right = async <A>(task: TaskEither<Unavailable, A>): Promise<A> => {
  const result: E.Either<Unavailable, A> = await task()
  if (E.isLeft(result)) throw new Error(`expected an answer, got ${result.left._tag}`)
  return result.right
}

const publish = (h: MessageBusHarness, messages: ReadonlyArray<string>, priority: Priority = 3): Promise<void> =>
  right(h.bus.publish(channel(h), messages as unknown as NonEmptyArray<string>, priority))

interface Handling {
  readonly subscription: Subscription
  readonly deliveries: ReadonlyArray<Delivery<string>>
  readonly bodies: () => ReadonlyArray<string>
}

/** Subscribes and notes what is delivered; by default everything is acknowledged. */
const handle = async (
  h: MessageBusHarness,
  onMessage: (delivery: Delivery<string>, earlier: number) => Disposition | Promise<Disposition> = () => ack,
  maxInFlight = 1,
): Promise<Handling> => {
  const deliveries: Array<Delivery<string>> = []
  const subscription = await right(
    h.bus.subscribe(
      channel(h),
      (delivery) => async () => {
        deliveries.push(delivery)
        return onMessage(delivery, deliveries.length - 1)
      },
      maxInFlight,
    ),
  )
  return { subscription, deliveries, bodies: () => deliveries.map(({ body }) => body) }
}

/** Lets time pass until something holds, and fails when it does not come to hold. */
const until = async (h: MessageBusHarness, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return
    await h.elapse(10)
  }
  throw new Error('what was waited for did not come')
}

/** Time in which a bus would deliver what it should not. */
const pass = (h: MessageBusHarness): Promise<void> => h.elapse(100)
const ready = async (h: MessageBusHarness): Promise<number> => (await right(h.bus.depth(h.queue))).ready

/** A disposition that comes when the test says so. */
const later = (): { readonly disposition: Promise<Disposition>; readonly settle: (d: Disposition) => void } => {
  let settle: (disposition: Disposition) => void = () => undefined
  const disposition = new Promise<Disposition>((resolve) => (settle = resolve))
  return { disposition, settle }
}

/** What every {@link MessageBus} promises. */
export const messageBusContract: ReadonlyArray<Clause<MessageBusHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      h.bus.publish(channel(h), ['built only'], 3)
      await publish(h, ['first'])
      let delivered = 0
      h.bus.subscribe(channel(h), () => async () => (delivered++, ack), 1)
      h.bus.purge(h.queue)
      await pass(h)
      expect(delivered).to.equal(0)
      expect(await ready(h)).to.equal(1)
    },
  },
  {
    title: 'delivers what was published, with its priority and queue, in order',
    run: async (h) => {
      const { deliveries, bodies } = await handle(h)
      await publish(h, ['a', 'b'], 2)
      await publish(h, ['c'], 2)
      await until(h, () => deliveries.length === 3)
      expect(bodies()).to.deep.equal(['a', 'b', 'c'])
      expect(deliveries[0]).to.deep.equal({ body: 'a', priority: 2, queue: h.queue, redelivered: false })
    },
  },
  {
    title: 'keeps messages for a subscriber that comes later',
    run: async (h) => {
      await publish(h, ['kept'])
      await pass(h)
      const { deliveries } = await handle(h)
      await until(h, () => deliveries.length === 1)
    },
  },
  {
    title: 'delivers higher priorities first',
    run: async (h) => {
      for (const priority of [3, 1, 5, 2, 4] as const) await publish(h, [`${priority}`], priority)
      const { bodies } = await handle(h)
      await until(h, () => bodies().length === 5)
      expect(bodies()).to.deep.equal(['5', '4', '3', '2', '1'])
    },
  },
  {
    title: 'has at most maxInFlight messages unsettled at once, and as many as that',
    run: async (h) => {
      const gate = later()
      await publish(h, ['a', 'b', 'c', 'd', 'e'])
      const { deliveries } = await handle(h, () => gate.disposition, 3)
      await until(h, () => deliveries.length === 3)
      await pass(h)
      expect(deliveries).to.have.length(3)
      gate.settle(ack)
      await until(h, () => deliveries.length === 5)
    },
  },
  {
    title: 'does not deliver again what was acknowledged',
    run: async (h) => {
      await publish(h, ['once'])
      const { deliveries } = await handle(h)
      await until(h, () => deliveries.length === 1)
      await h.elapse(5_000)
      expect(deliveries).to.have.length(1)
      expect(await ready(h)).to.equal(0)
    },
  },
  {
    title: 'delivers again what was not acknowledged when the connection broke',
    run: async (h) => {
      const gate = later()
      await publish(h, ['unsettled'])
      const { deliveries } = await handle(h, (_, earlier) => (earlier === 0 ? gate.disposition : ack), 1)
      await until(h, () => deliveries.length === 1)
      await h.dropConnection()
      gate.settle(ack)
      await until(h, () => deliveries.length === 2)
      expect(deliveries.map(({ redelivered }) => redelivered)).to.deep.equal([false, true])
    },
  },
  {
    title: 'delivers a requeued message again, not before its time, with the same priority',
    run: async (h) => {
      await publish(h, ['patience'], 4)
      const { deliveries } = await handle(h, (_, earlier) => (earlier === 0 ? requeue(1_000) : ack))
      await until(h, () => deliveries.length === 1)
      await h.elapse(500)
      expect(deliveries).to.have.length(1)
      await h.elapse(600)
      await until(h, () => deliveries.length === 2)
      expect(deliveries[1]).to.include({ body: 'patience', priority: 4, redelivered: true })
    },
  },
  {
    title: 'goes on with other messages while one waits to be delivered again',
    run: async (h) => {
      await publish(h, ['patience', 'next'])
      const { bodies } = await handle(h, ({ body }) => (body === 'patience' ? requeue(60_000) : ack))
      await until(h, () => bodies().includes('next'))
    },
  },
  {
    title: 'keeps a dead letter with its reason, and delivers it no more',
    run: async (h) => {
      await publish(h, [marker])
      const { deliveries } = await handle(h, () => deadLetter('InvalidRequest'))
      await until(h, async () => (await right(h.bus.readDeadLetters(h.queue, 10))).length === 1)
      const [entry] = await right(h.bus.readDeadLetters(h.queue, 10))
      expect(entry).to.include({ reason: 'InvalidRequest', bytes: marker.length })
      expect(entry?.at).to.be.instanceOf(Date)
      await pass(h)
      expect(deliveries).to.have.length(1)
      expect(await ready(h)).to.equal(0)
    },
  },
  {
    title: 'lists dead letters oldest first, as many as asked, without their bodies',
    run: async (h) => {
      await publish(h, [`${marker}1`, `${marker}22`, `${marker}333`])
      await handle(h, ({ body }) => deadLetter(`Reason${body.length - marker.length}`))
      await until(h, async () => (await right(h.bus.readDeadLetters(h.queue, 10))).length === 3)
      const entries = await right(h.bus.readDeadLetters(h.queue, 2))
      expect(entries.map(({ reason }) => reason)).to.deep.equal(['Reason1', 'Reason2'])
      expect(JSON.stringify(entries)).to.not.include(marker)
    },
  },
  {
    title: 'puts dead letters back on their queue when they are replayed, and tells how many',
    run: async (h) => {
      await publish(h, ['a', 'b'])
      const { bodies } = await handle(h, (_, earlier) => (earlier < 2 ? deadLetter('NotYet') : ack))
      await until(h, async () => (await right(h.bus.readDeadLetters(h.queue, 10))).length === 2)
      expect(await right(h.bus.replayDeadLetters(h.queue))).to.equal(2)
      await until(h, () => bodies().length === 4)
      expect(await right(h.bus.readDeadLetters(h.queue, 10))).to.deep.equal([])
      expect(await right(h.bus.replayDeadLetters(h.queue))).to.equal(0)
    },
  },
  {
    title: 'dead-letters what cannot be decoded and never hands it to the handler',
    run: async (h) => {
      await publish(h, ['bad', 'good'])
      const { bodies } = await handle(h)
      await until(h, () => bodies().includes('good'))
      await until(h, async () => (await right(h.bus.readDeadLetters(h.queue, 10))).length === 1)
      expect((await right(h.bus.readDeadLetters(h.queue, 10)))[0]?.reason).to.equal('Undecodable')
      expect(bodies()).to.deep.equal(['good'])
    },
  },
  {
    title: 'delivers again what a handler threw at, and goes on with the rest',
    run: async (h) => {
      await publish(h, ['throws', 'rejects', 'fine'])
      const seen: Array<string> = []
      await right(
        h.bus.subscribe(
          channel(h),
          ({ body }) => {
            const isFirst = !seen.includes(body)
            seen.push(body)
            if (body === 'throws' && isFirst) throw new Error(marker)
            return () => (body === 'rejects' && isFirst ? Promise.reject(new Error(marker)) : Promise.resolve(ack))
          },
          2,
        ),
      )
      await until(h, () => seen.length === 5)
      expect([...seen].sort()).to.deep.equal(['fine', 'rejects', 'rejects', 'throws', 'throws'])
      expect(await right(h.bus.readDeadLetters(h.queue, 10))).to.deep.equal([])
    },
  },
  {
    title: 'delivers nothing while paused, and does not count a pause as a redelivery',
    run: async (h) => {
      const { subscription, deliveries } = await handle(h)
      await subscription.pause()
      await subscription.pause()
      await publish(h, ['a', 'b'])
      await pass(h)
      expect(deliveries).to.have.length(0)
      expect(await ready(h)).to.equal(2)
      await subscription.resume()
      await until(h, () => deliveries.length === 2)
      expect(deliveries.map(({ redelivered }) => redelivered)).to.deep.equal([false, false])
    },
  },
  {
    title: 'settles what is in flight while paused',
    run: async (h) => {
      const gate = later()
      await publish(h, ['slow'])
      const { subscription, deliveries } = await handle(h, () => gate.disposition)
      await until(h, () => deliveries.length === 1)
      await subscription.pause()
      gate.settle(ack)
      await pass(h)
      await subscription.resume()
      await pass(h)
      expect(deliveries).to.have.length(1)
      expect(await right(h.bus.depth(h.queue))).to.include({ ready: 0 })
    },
  },
  {
    title: 'closes a subscription once what is in flight is settled, and leaves the rest on the queue',
    run: async (h) => {
      const gate = later()
      await publish(h, ['slow', 'rest'])
      const { subscription, deliveries } = await handle(h, () => gate.disposition)
      await until(h, () => deliveries.length === 1)
      let closed = 0
      const closing = [1, 2].map(() => subscription.close().then(() => closed++))
      await pass(h)
      expect(closed).to.equal(0)
      gate.settle(ack)
      await Promise.all(closing)
      await pass(h)
      expect(deliveries).to.have.length(1)
      expect(await ready(h)).to.equal(1)
    },
  },
  {
    title: 'purges what is waiting, tells how much, and leaves what is in flight',
    run: async (h) => {
      const gate = later()
      await publish(h, ['slow', 'a', 'b'])
      const { bodies } = await handle(h, (_, earlier) => (earlier === 0 ? gate.disposition : ack))
      await until(h, () => bodies().length === 1)
      expect(await right(h.bus.purge(h.queue))).to.equal(2)
      expect(await right(h.bus.purge(h.queue))).to.equal(0)
      gate.settle(requeue(0))
      await until(h, () => bodies().length === 2)
      expect(bodies()).to.deep.equal(['slow', 'slow'])
    },
  },
  {
    title: 'tells how many messages are waiting and, where it can, how many are in flight',
    run: async (h) => {
      expect(await ready(h)).to.equal(0)
      const gate = later()
      await publish(h, ['a', 'b', 'c'])
      const { deliveries } = await handle(h, () => gate.disposition)
      await until(h, () => deliveries.length === 1)
      const { ready: waiting, unacknowledged } = await right(h.bus.depth(h.queue))
      expect([waiting, unacknowledged ?? 1]).to.deep.equal([2, 1])
      gate.settle(ack)
    },
  },
  {
    title: 'keeps queues apart',
    run: async (h) => {
      await right(h.bus.publish(channel(h, '-other'), ['other'], 3))
      const { deliveries } = await handle(h)
      await pass(h)
      expect(deliveries).to.have.length(0)
      expect((await right(h.bus.depth(`${h.queue}-other`))).ready).to.equal(1)
      expect(await right(h.bus.purge(`${h.queue}-other`))).to.equal(1)
    },
  },
  {
    title: 'never rejects, and publishes nothing of a batch it cannot write',
    run: async (h) => {
      const encode = (text: string): Uint8Array => {
        if (text === 'unwritable') throw new Error(marker)
        return codec.encode(text)
      }
      const result = await h.bus.publish({ queue: h.queue, codec: { ...codec, encode } }, ['a', 'unwritable'], 3)()
      expect(E.isLeft(result)).to.equal(true)
      expect(JSON.stringify(result)).to.not.include(marker)
      expect(await ready(h)).to.equal(0)
    },
  },
  {
    title: 'is unavailable, for the time being, when its broker is',
    run: async (h) => {
      await h.stopServer()
      const calls: ReadonlyArray<TaskEither<Unavailable, unknown>> = [
        h.bus.publish(channel(h), [marker], 3),
        h.bus.subscribe(channel(h), () => async () => ack, 1),
        h.bus.depth(h.queue),
        h.bus.purge(h.queue),
        h.bus.readDeadLetters(h.queue, 1),
        h.bus.replayDeadLetters(h.queue),
      ]
      for (const call of calls) {
        const result = await call()
        if (E.isRight(result)) throw new Error('expected Unavailable')
        expect(result.left).to.include({ _tag: 'Unavailable', port: 'MessageBus' })
        expect(isTransient(result.left)).to.equal(true)
        expect(JSON.stringify(result.left)).to.not.include(marker)
      }
    },
  },
  {
    title: 'leaves no timer or connection behind when closed',
    run: async (h) => {
      const before = process.getActiveResourcesInfo().length
      await publish(h, ['a'])
      const { subscription, deliveries } = await handle(h)
      await until(h, () => deliveries.length === 1)
      await subscription.close()
      await h.close()
      expect(process.getActiveResourcesInfo().length).to.be.at.most(before)
    },
  },
]
