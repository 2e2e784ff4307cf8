import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryRateLimiter } from '../../adapters/memory/rate-limiter.js'
import type { Consumption, RateLimiter } from '../../ports/rate-limiter.js'
import type { RateLimiterHarness } from '../contract/rate-limiter.js'
import type { Mutant } from './mutants.js'

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  broken: (honest: RateLimiter, clock: MemoryClock) => Partial<RateLimiter>,
  more: Partial<RateLimiterHarness> = {},
): Mutant<RateLimiterHarness> => ({
  title,
  breaks,
  start: () => {
    const clock = makeMemoryClock()
    const honest = makeMemoryRateLimiter(clock)
    const limiter = { ...honest, ...broken(honest, clock) }
    return Promise.resolve({ limiter, elapse: clock.advance, close: () => Promise.resolve(), ...more })
  },
})

/** A limiter that answers `answer` in place of an honest answer with that tag. */
const instead =
  (tag: Consumption['_tag'], answer: Consumption) =>
  (honest: RateLimiter): Partial<RateLimiter> => ({
    consume: (...args) => TE.map((was: Consumption) => (was._tag === tag ? answer : was))(honest.consume(...args)),
  })

const granted: Consumption = { _tag: 'Granted', slot: { archive: 'primary', id: 'made up' } }
const timers: Array<NodeJS.Timeout> = []

/** Rate limiters broken on purpose. */
export const mutants: ReadonlyArray<Mutant<RateLimiterHarness>> = [
  mutant('starts as soon as a task is built', ['does nothing until the task is run'], (honest) => ({
    consume: (...args) => {
      const early = honest.consume(...args)()
      return () => early
    },
  })),
  mutant(
    'grants everything',
    [
      'grants the capacity, then is exhausted',
      'grants after retryAfterMs and not before',
      'takes no token when there are too few',
      'never grants more than capacity + rate x elapsed, over 200 random schedules',
      'grants the capacity and no more to callers that ask at once',
    ],
    instead('Exhausted', granted),
  ),
  mutant(
    'tells too short a wait',
    ['grants after retryAfterMs and not before'],
    instead('Exhausted', { _tag: 'Exhausted', retryAfterMs: 1 }),
  ),
  mutant('takes what tokens there are', ['takes no token when there are too few'], (honest) => ({
    consume: (archive, tokens, leaseMs) => async () => {
      const answer = await honest.consume(archive, tokens, leaseMs)()
      for (let i = 1; i < tokens; i++) await honest.consume(archive, 1, leaseMs)()
      return answer
    },
  })),
  mutant(
    'counts half of the tokens',
    ['never grants more than capacity + rate x elapsed, over 200 random schedules'],
    (honest) => ({
      consume: (archive, tokens, leaseMs) => honest.consume(archive, tokens / 2, leaseMs),
    }),
  ),
  mutant('looks before it waits', ['grants the capacity and no more to callers that ask at once'], (honest) => {
    let tokens = 3
    return {
      consume: () => async () => {
        const seen = tokens
        await Promise.resolve()
        tokens = seen - 1
        return seen > 0 ? TE.right<never, Consumption>(granted)() : honest.consume('primary', 99, 1)()
      },
    }
  }),
  mutant('grants while paused', ['grants nothing at rate 0, however long one waits'], instead('Paused', granted)),
  mutant(
    'tells a pause as a wait',
    ['grants nothing at rate 0, however long one waits'],
    instead('Paused', { _tag: 'Exhausted', retryAfterMs: 1 }),
  ),
  mutant('counts tokens that are not limited', ['is never exhausted at rate Infinity'], (honest) => ({
    setRate: (archive, rate) => honest.setRate(archive, { ...rate, ratePerSecond: Math.min(1, rate.ratePerSecond) }),
  })),
  mutant('knows one archive', ['lets archives share neither tokens, slots nor rate'], (honest) => ({
    consume: (_archive, ...args) => honest.consume('primary', ...args),
  })),
  mutant(
    'forgets a new rate',
    ['holds to a new rate from the next consume, and drops tokens above its capacity'],
    () => ({ setRate: () => TE.right(undefined) }),
  ),
  mutant(
    'has no slots',
    ['grants as many slots as there are, and takes no token without a slot'],
    instead('NoSlot', granted),
  ),
  mutant(
    'takes a token without a slot',
    ['grants as many slots as there are, and takes no token without a slot'],
    (honest) => {
      const full = { archive: 'primary', tokens: 0 }
      return {
        consume: (archive, tokens, leaseMs) => async () => {
          const answer = await honest.consume(archive, tokens + full.tokens, leaseMs)()
          if (answer._tag === 'Right' && answer.right._tag === 'NoSlot') full.tokens += tokens
          return answer
        },
      }
    },
  ),
  mutant('frees by turns, not by name', ['frees a slot once, and nobody else’s when it is freed again'], (honest) => {
    const slots: Array<Consumption & { _tag: 'Granted' }> = []
    return {
      consume: (...args) =>
        TE.map((answer: Consumption) => (answer._tag === 'Granted' && slots.push(answer), answer))(
          honest.consume(...args),
        ),
      free: () => honest.free(slots.shift()?.slot ?? { archive: 'primary', id: '' }),
    }
  }),
  mutant('keeps slots for ever', ['frees a slot when its lease expires, and does not renew it then'], (honest) => ({
    consume: (archive, tokens) => honest.consume(archive, tokens, Infinity),
  })),
  mutant('renews what has expired', ['frees a slot when its lease expires, and does not renew it then'], () => ({
    renew: () => TE.right(true),
  })),
  mutant('says renewed and does not', ['keeps a slot that is renewed in time'], () => ({
    renew: () => TE.right(true),
  })),
  mutant(
    'waits for ever',
    ['never rejects and tells a wait a timer can hold, whatever is asked'],
    instead('Exhausted', { _tag: 'Exhausted', retryAfterMs: Infinity }),
  ),
  mutant('rejects', ['never rejects and tells a wait a timer can hold, whatever is asked'], (honest) => ({
    consume: (archive, tokens, leaseMs) =>
      tokens > 3 ? () => Promise.reject(new Error('too many')) : honest.consume(archive, tokens, leaseMs),
  })),
  mutant('answers without its server', ['is unavailable, for the time being, when its server is'], () => ({}), {
    stopServer: () => Promise.resolve(),
  }),
  mutant('leaves a timer running', ['leaves no timer or connection behind when closed'], (honest) => ({
    consume: (...args) => {
      timers.push(setInterval(() => undefined, 60_000))
      return honest.consume(...args)
    },
  })),
]

/** Ends the timers a mutant left. */
export const stopTimers = (): void => timers.splice(0).forEach((timer) => clearInterval(timer))
