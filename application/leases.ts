import * as E from 'fp-ts/lib/Either.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { ClaimToken } from '../domain/transitions.js'
import type { Clock } from '../ports/clock.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { RateLimiter, Slot } from '../ports/rate-limiter.js'

export const leaseMs = 60_000
const renewEveryMs = 20_000

/** What one worker has in hand: claims and slots, renewed together until they are let go. */
export interface Leases {
  /** Keeps a claim alive while its work runs. */
  readonly whileHeld: <A>(token: ClaimToken, work: Task<A>) => Task<A>
  readonly keepSlot: (slot: Slot) => IO<void>
  /** Gives a slot back; one that cannot be given back now expires by itself. */
  readonly freeSlot: (slot: Slot) => Task<void>
  readonly inHand: IO<number>
  /** Stops renewing. */
  readonly close: Task<void>
}

export const makeLeases = (deps: {
  readonly clock: Clock
  readonly extracts: ExtractRepository
  readonly limiter: RateLimiter
}): Leases => {
  const claims = new Set<ClaimToken>()
  const slots = new Set<Slot>()

  /** A renewal that fails is tried again in time; a claim that is lost is noticed by the next write of its work. */
  const renewAll: Task<void> = async () => {
    for (const token of claims) {
      const renewed = await deps.extracts.renew(token, leaseMs)()
      if (E.isLeft(renewed) && renewed.left._tag === 'StaleClaim') claims.delete(token)
    }
    for (const slot of slots) await deps.limiter.renew(slot, leaseMs)()
  }
  const stop = deps.clock.repeat(renewEveryMs, renewAll)()

  return {
    whileHeld: (token, work) => async () => {
      claims.add(token)
      try {
        return await work()
      } finally {
        claims.delete(token)
      }
    },
    keepSlot: (slot) => () => void slots.add(slot),
    freeSlot: (slot) => async () => {
      slots.delete(slot)
      await deps.limiter.free(slot)()
    },
    inHand: () => claims.size,
    close: stop,
  }
}
