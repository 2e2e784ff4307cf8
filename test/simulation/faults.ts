import * as E from 'fp-ts/lib/Either.js'
import type { PortName } from '../../domain/errors.js'
import type { MessageBus } from '../../ports/message-bus.js'
import type { Life } from './hospital.js'
import { unavailableFrom } from './hospital.js'
import type { Random } from './random.js'
import type { Scheduler } from './scheduler.js'

/** How often what goes wrong. */
export interface FaultRates {
  /** Of a port call: the worker dies before or after its effect. */
  readonly crash: number
  /** Of a port call: it fails without effect, or with its effect but without its answer. */
  readonly failure: number
  /** Of a port call: it takes long, sometimes longer than a lease. */
  readonly delay: number
}

export const noFaults: FaultRates = { crash: 0, failure: 0, delay: 0 }

/** A process that can die: whatever it waits for never comes then. */
export interface Mortal extends Life {
  readonly isAlive: () => boolean
  readonly die: () => void
}

/** A fresh one each time: one for all would keep everything that ever waited for it. */
const never = (): Promise<never> => new Promise(() => undefined)

export const makeMortal = (scheduler: Scheduler, onDeath: () => void): Mortal => {
  let alive = true
  return {
    isAlive: () => alive,
    die: () => {
      if (!alive) return
      alive = false
      onDeath()
    },
    pass: async (ms) => {
      await scheduler.sleep(ms)
      if (!alive) await never()
    },
  }
}

/** A broker that now and then loses messages it confirmed, and now and then has them twice. */
export const careless = (bus: MessageBus, rates: () => FaultRates, random: Random): MessageBus => ({
  ...bus,
  publish: (to, messages, priority) => async () => {
    const roll = random.next()
    const { failure } = rates()
    const reached = await bus.depth(to.queue)()
    if (roll < failure) return E.isLeft(reached) ? reached : E.right(undefined)
    const answer = await bus.publish(to, messages, priority)()
    if (roll > 1 - failure) await bus.publish(to, messages, priority)()
    return answer
  },
})

type Thunk = () => Promise<E.Either<unknown, unknown>>

/** Answers of these ports are values; an effect they may fail without is safe to fail. */
const readingOnly = new Set(['describe', 'probe', 'verify', 'depth', 'readRate'])

/**
 * The port as an unlucky worker sees it: every call may be late, fail before or after its effect, or be the last thing
 * the worker ever does.
 */
export const withFaults = <P extends object>(
  port: P,
  name: PortName,
  tasks: ReadonlyArray<keyof P>,
  mortal: Mortal,
  rates: () => FaultRates,
  random: Random,
): P => {
  const call =
    (method: string, run: Thunk): Thunk =>
    async () => {
      if (!mortal.isAlive()) await never()
      const { crash, failure, delay } = rates()
      const roll = random.next()
      // Most calls answer at once: waiting costs the simulation more than everything else.
      if (random.chance(delay)) await mortal.pass(random.below(90_000))
      else if (random.chance(0.3)) await mortal.pass(random.below(20))
      if (roll < crash / 2) mortal.die()
      if (!mortal.isAlive()) await never()
      if (roll >= crash && roll < crash + failure / 2) return E.left(unavailableFrom(name))
      const answer = await run()
      if (roll >= crash / 2 && roll < crash) mortal.die()
      if (!mortal.isAlive()) await never()
      const losesAnswer = roll >= crash + failure / 2 && roll < crash + failure && !readingOnly.has(method)
      return losesAnswer ? E.left(unavailableFrom(name)) : answer
    }
  const entries = Object.entries(port).map(([key, value]): [string, unknown] => {
    if (typeof value !== 'function') return [key, value]
    if (tasks.includes(key as keyof P)) return [key, call(key, value as Thunk)]
    return [
      key,
      (...args: ReadonlyArray<unknown>): unknown => {
        const task = (value as (...all: ReadonlyArray<unknown>) => unknown)(...args)
        return typeof task === 'function' ? call(key, task as Thunk) : task
      },
    ]
  })
  return Object.fromEntries(entries) as P
}
