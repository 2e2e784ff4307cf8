import { expect } from 'chai'
import type { Either } from 'fp-ts/lib/Either.js'
import { isRight } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../../domain/errors.js'
import { isTransient } from '../../domain/errors.js'
import type { ArchiveName } from '../../domain/identifiers.js'
import type { Rate } from '../../domain/token-bucket.js'
import { defaultRate } from '../../domain/token-bucket.js'
import type { Consumption, RateLimiter, Slot } from '../../ports/rate-limiter.js'
import type { Clause, Harness } from './contract.js'

/** A limiter whose archives have `defaultRate` and full buckets when the harness starts. */
export interface RateLimiterHarness extends Harness {
  readonly limiter: RateLimiter
  /** Lets time pass for the limiter. */
  readonly elapse: (ms: number) => Promise<void>
  /** Makes the server behind the limiter unreachable; absent where there is none. */
  readonly stopServer?: () => Promise<void>
}

const lease = 60_000
/** So slow that the time the test itself takes brings no token. */
const slow: Rate = { ratePerSecond: 0.01, capacity: 3, slots: 100 }
const unlimited: Rate = { ratePerSecond: Infinity, capacity: 5, slots: 100 }

const right = async <A>(task: TaskEither<Unavailable, A>): Promise<A> => {
  const result: Either<Unavailable, A> = await task()
  if (!isRight(result)) throw new Error(`expected an answer, got ${result.left._tag}`)
  return result.right
}

const consume = (h: RateLimiterHarness, tokens = 1, archive: ArchiveName = 'primary'): Promise<Consumption> =>
  right(h.limiter.consume(archive, tokens, lease))

const tag = async (consumption: Promise<Consumption>): Promise<string> => (await consumption)._tag

const grant = async (consumption: Promise<Consumption>): Promise<Slot> => {
  const answer = await consumption
  if (answer._tag !== 'Granted') throw new Error(`expected Granted, got ${answer._tag}`)
  return answer.slot
}

const limit = (h: RateLimiterHarness, rate: Rate, archive: ArchiveName = 'primary'): Promise<void> =>
  right(h.limiter.setRate(archive, rate))

/** Reproducible numbers from 0 to 1. */
const randomFrom = (seed: number) => (): number => {
  seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32
  return seed / 2 ** 32
}

/** What every {@link RateLimiter} promises. */
export const rateLimiterContract: ReadonlyArray<Clause<RateLimiterHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      await limit(h, slow)
      for (let i = 0; i < 10; i++) h.limiter.consume('primary', 1, lease)
      h.limiter.setRate('primary', { ...slow, ratePerSecond: 0 })
      for (let i = 0; i < 3; i++) await grant(consume(h))
    },
  },
  {
    title: 'grants the capacity, then is exhausted',
    run: async (h) => {
      await limit(h, slow)
      for (let i = 0; i < 3; i++) await grant(consume(h))
      expect(await tag(consume(h))).to.equal('Exhausted')
    },
  },
  {
    title: 'grants after retryAfterMs and not before',
    run: async (h) => {
      await limit(h, slow)
      await grant(consume(h, 3))
      const answer = await consume(h, 2)
      if (answer._tag !== 'Exhausted') throw new Error(`expected Exhausted, got ${answer._tag}`)
      expect(answer.retryAfterMs).to.be.within(190_000, 200_000)
      await h.elapse(answer.retryAfterMs - 60_000)
      expect(await tag(consume(h, 2))).to.equal('Exhausted')
      await h.elapse(60_000)
      await grant(consume(h, 2))
    },
  },
  {
    title: 'takes no token when there are too few',
    run: async (h) => {
      await limit(h, slow)
      await grant(consume(h))
      expect(await tag(consume(h, 3))).to.equal('Exhausted')
      await grant(consume(h, 2))
    },
  },
  {
    title: 'never grants more than capacity + rate x elapsed, over 200 random schedules',
    run: async (h) => {
      const random = randomFrom(42)
      for (let schedule = 0; schedule < 200; schedule++) {
        const rate = { ratePerSecond: 0.1 + random() * 20, capacity: 1 + Math.floor(random() * 10), slots: 1000 }
        await limit(h, rate)
        const startedAt = performance.now()
        let [elapsedMs, granted] = [0, 0]
        for (let step = 0; step < 10; step++) {
          const waitMs = Math.floor(random() * random() * 2000)
          await h.elapse(waitMs)
          elapsedMs += waitMs
          const tokens = 1 + Math.floor(random() * 3)
          const answer = await consume(h, tokens)
          if (answer._tag !== 'Granted') continue
          granted += tokens
          await right(h.limiter.free(answer.slot))
          const allowedMs = elapsedMs + (performance.now() - startedAt)
          expect(granted).to.be.at.most(rate.capacity + (rate.ratePerSecond * allowedMs) / 1000 + 1e-6)
        }
      }
    },
  },
  {
    title: 'grants the capacity and no more to callers that ask at once',
    run: async (h) => {
      await limit(h, slow)
      const answers = await Promise.all(Array.from({ length: 10 }, () => tag(consume(h))))
      expect(answers.filter((answer) => answer === 'Granted')).to.have.length(3)
    },
  },
  {
    title: 'grants nothing at rate 0, however long one waits',
    run: async (h) => {
      await limit(h, { ...slow, ratePerSecond: 0 })
      expect(await tag(consume(h))).to.equal('Paused')
      await h.elapse(3_600_000)
      expect(await tag(consume(h))).to.equal('Paused')
    },
  },
  {
    title: 'is never exhausted at rate Infinity',
    run: async (h) => {
      await limit(h, unlimited)
      for (let i = 0; i < 50; i++) await right(h.limiter.free(await grant(consume(h))))
      expect((await right(h.limiter.readRate('primary'))).ratePerSecond).to.equal(Infinity)
    },
  },
  {
    title: 'lets archives share neither tokens, slots nor rate',
    run: async (h) => {
      await limit(h, { ...slow, slots: 1 })
      await grant(consume(h, 3))
      await grant(consume(h, 3, 'secondary'))
      expect(await right(h.limiter.readRate('secondary'))).to.deep.equal(defaultRate)
    },
  },
  {
    title: 'holds to a new rate from the next consume, and drops tokens above its capacity',
    run: async (h) => {
      const one = { ...slow, capacity: 1 }
      await limit(h, one)
      expect(await right(h.limiter.readRate('primary'))).to.deep.equal(one)
      await grant(consume(h))
      expect(await tag(consume(h))).to.equal('Exhausted')
      await limit(h, unlimited)
      await grant(consume(h))
    },
  },
  {
    title: 'grants as many slots as there are, and takes no token without a slot',
    run: async (h) => {
      await limit(h, { ...slow, slots: 2 })
      const first = await grant(consume(h))
      await grant(consume(h))
      expect(await tag(consume(h))).to.equal('NoSlot')
      await right(h.limiter.free(first))
      await grant(consume(h))
    },
  },
  {
    title: 'frees a slot once, and nobody else’s when it is freed again',
    run: async (h) => {
      await limit(h, { ...unlimited, slots: 1 })
      const first = await grant(consume(h))
      await right(h.limiter.free(first))
      const second = await grant(consume(h))
      expect(second.id).to.not.equal(first.id)
      await right(h.limiter.free(first))
      expect(await tag(consume(h))).to.equal('NoSlot')
    },
  },
  {
    title: 'frees a slot when its lease expires, and does not renew it then',
    run: async (h) => {
      await limit(h, { ...unlimited, slots: 1 })
      const slot = await grant(consume(h))
      await h.elapse(lease + 1)
      expect(await right(h.limiter.renew(slot, lease))).to.equal(false)
      await grant(consume(h))
      expect(await right(h.limiter.renew(slot, lease))).to.equal(false)
      expect(await tag(consume(h))).to.equal('NoSlot')
    },
  },
  {
    title: 'keeps a slot that is renewed in time',
    run: async (h) => {
      await limit(h, { ...unlimited, slots: 1 })
      const slot = await grant(consume(h))
      for (let i = 0; i < 3; i++) {
        await h.elapse(lease / 2)
        expect(await right(h.limiter.renew(slot, lease))).to.equal(true)
      }
      expect(await tag(consume(h))).to.equal('NoSlot')
    },
  },
  {
    title: 'never rejects and tells a wait a timer can hold, whatever is asked',
    run: async (h) => {
      await limit(h, slow)
      for (const tokens of [4, 1e9, Infinity]) {
        const answer = await consume(h, tokens)
        if (answer._tag !== 'Exhausted') throw new Error(`expected Exhausted, got ${answer._tag}`)
        expect(answer.retryAfterMs).to.be.within(1, 2 ** 31 - 1)
      }
      await right(h.limiter.free({ archive: 'primary', id: 'never given' }))
      expect(await right(h.limiter.renew({ archive: 'primary', id: 'never given' }, lease))).to.equal(false)
    },
  },
  {
    title: 'is unavailable, for the time being, when its server is',
    appliesTo: (h) => h.stopServer !== undefined,
    run: async (h) => {
      await h.stopServer?.()
      for (const task of [h.limiter.consume('primary', 1, lease), h.limiter.readRate('primary')]) {
        const result: Either<Unavailable, unknown> = await task()
        if (isRight(result)) throw new Error('expected Unavailable')
        expect(result.left).to.include({ _tag: 'Unavailable', port: 'RateLimiter' })
        expect(isTransient(result.left)).to.equal(true)
      }
    },
  },
  {
    title: 'leaves no timer or connection behind when closed',
    run: async (h) => {
      await limit(h, unlimited)
      const before = process.getActiveResourcesInfo().length
      await grant(consume(h))
      await h.close()
      expect(process.getActiveResourcesInfo().length).to.be.at.most(before)
    },
  },
]
