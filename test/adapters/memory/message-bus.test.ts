import { expect } from 'chai'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import * as E from 'fp-ts/lib/Either.js'
import { makeMemoryClock } from '../../../adapters/memory/clock.js'
import { makeMemoryMessageBus } from '../../../adapters/memory/message-bus.js'
import { systemClock } from '../../../adapters/system/clock.js'
import { decodeStudyMessage, encodeStudyMessage } from '../../../domain/messages/study-message.js'
import { ack, requeue } from '../../../domain/routing.js'
import { sensitive } from '../../../domain/sensitive.js'
import { projectSlug } from '../../../domain/slug.js'
import type { StudyRequest } from '../../../domain/study.js'
import type { Channel, MessageCodec, Subscription } from '../../../ports/message-bus.js'
import { verifyContract } from '../../contract/contract.js'
import type { MessageBusHarness } from '../../contract/message-bus.js'
import { messageBusContract } from '../../contract/message-bus.js'

const startMemoryHarness = (): Promise<MessageBusHarness> => {
  const clock = makeMemoryClock()
  const bus = makeMemoryMessageBus(clock)
  return Promise.resolve({
    bus,
    queue: 'imaging',
    elapse: clock.advance,
    dropConnection: async () => bus.dropConnection(),
    stopServer: async () => bus.setReachable(false),
    close: () => Promise.resolve(),
  })
}

verifyContract('memory MessageBus', messageBusContract, startMemoryHarness)

const numbers: MessageCodec<number> = {
  encode: (n) => new TextEncoder().encode(String(n)),
  decode: (bytes) => E.right(Number(new TextDecoder().decode(bytes))),
}
const imaging: Channel<number> = { queue: 'imaging', codec: numbers }
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i) as unknown as NonEmptyArray<number>

const subscriptionOf = (result: E.Either<unknown, Subscription>): Subscription => {
  if (E.isLeft(result)) throw new Error('expected a subscription')
  return result.right
}

describe('memory MessageBus, by itself', () => {
  it('passes 100,000 messages in order, one at a time, while other work gets its turn', async () => {
    const bus = makeMemoryMessageBus(systemClock)
    const count = 100_000
    await bus.publish(imaging, upTo(count), 3)()
    let [next, inOrder, turns] = [0, true, 0]
    const isOver = (): boolean => next === count
    const done = new Promise<void>((resolve) => {
      const look = (): void => {
        turns++
        if (isOver()) resolve()
        else setImmediate(look)
      }
      look()
    })
    const handler =
      ({ body }: { body: number }) =>
      async () => {
        inOrder &&= body === next++
        return ack
      }
    const subscription = subscriptionOf(await bus.subscribe(imaging, handler, 1)())
    await done
    await subscription.close()
    expect(inOrder).to.equal(true)
    expect(turns).to.be.greaterThan(1000)
  })

  it('shares messages among the subscribers of a queue', async () => {
    const clock = makeMemoryClock()
    const bus = makeMemoryMessageBus(clock)
    const counts = [0, 0]
    for (const i of [0, 1]) await bus.subscribe(imaging, () => async () => (counts[i]!++, ack), 1)()
    await bus.publish(imaging, upTo(10), 3)()
    await clock.advance(100)
    expect(counts).to.deep.equal([5, 5])
  })

  it('forgets everything when the broker loses its messages, and works on with new ones', async () => {
    const clock = makeMemoryClock()
    const bus = makeMemoryMessageBus(clock)
    const seen: Array<number> = []
    let settle = (): void => undefined
    const first = new Promise<void>((resolve) => (settle = resolve))
    await bus.publish(imaging, [1, 2, 3], 3)()
    await bus.subscribe(
      imaging,
      ({ body }) =>
        async () => {
          seen.push(body)
          if (body === 1) await first
          return requeue(0)
        },
      1,
    )()
    await clock.advance(10)
    bus.loseAllMessages()
    settle()
    await clock.advance(1000)
    expect(seen).to.deep.equal([1])
    expect(await bus.depth('imaging')()).to.deep.equal(E.right({ ready: 0, unacknowledged: 0 }))
  })

  it('delivers what waited while it was not reachable', async () => {
    const clock = makeMemoryClock()
    const bus = makeMemoryMessageBus(clock)
    const seen: Array<number> = []
    await bus.subscribe(
      imaging,
      ({ body }) =>
        async () => (seen.push(body), ack),
      1,
    )()
    await bus.publish(imaging, [1], 3)()
    bus.setReachable(false)
    await clock.advance(1000)
    expect(seen).to.deep.equal([])
    bus.setReachable(true)
    await clock.advance(1000)
    expect(seen).to.deep.equal([1])
  })

  it('carries study messages encoded, as a broker does', async () => {
    const clock = makeMemoryClock()
    const bus = makeMemoryMessageBus(clock)
    const project = projectSlug('Test project')
    if (E.isLeft(project)) throw new Error('expected a slug')
    const request: StudyRequest = {
      project: project.right,
      projectName: 'Test project',
      mrn: sensitive('111'),
      accessionNumber: null,
      studyInstanceUid: sensitive('1.2.3'),
      seriesInstanceUids: [],
      studyDate: '2022-11-22',
      procedureOccurrenceId: 1,
      extractGeneratedTimestamp: '2023-12-07T14:08:00+00:00',
      pseudoPatientId: null,
    }
    const codec = {
      encode: (message: StudyRequest) => encodeStudyMessage(message, 'jsonpickle'),
      decode: decodeStudyMessage,
    }
    const seen: Array<StudyRequest> = []
    await bus.publish({ queue: 'imaging', codec }, [request], 5)()
    await bus.subscribe(
      { queue: 'imaging', codec },
      ({ body }) =>
        async () => (seen.push(body), ack),
      1,
    )()
    await clock.advance(10)
    expect(seen[0]).to.not.equal(request)
    expect(seen[0]?.mrn?.reveal()).to.equal('111')
  })
})
