import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../../domain/errors.js'
import type { ArchiveName } from '../../domain/identifiers.js'
import type { Bucket, Rate } from '../../domain/token-bucket.js'
import { changeRate, defaultRate, fullBucket, take } from '../../domain/token-bucket.js'
import type { Clock } from '../../ports/clock.js'
import type { Consumption, RateLimiter } from '../../ports/rate-limiter.js'

interface Limited {
  rate: Rate
  bucket: Bucket
  /** When each slot that is taken is free again. */
  readonly leases: Map<string, number>
}

/** Keeps the rate of each archive within one process. Archives without an initial rate have the default one. */
export const makeMemoryRateLimiter = (clock: Clock, initial: Partial<Record<ArchiveName, Rate>> = {}): RateLimiter => {
  const nowMs = (): number => clock.now().getTime()
  const limited = (rate: Rate): Limited => ({ rate, bucket: fullBucket(rate, nowMs()), leases: new Map() })
  const archives: Readonly<Record<ArchiveName, Limited>> = {
    primary: limited(initial.primary ?? defaultRate),
    secondary: limited(initial.secondary ?? defaultRate),
  }
  let slots = 0

  const consume = (archive: ArchiveName, tokens: number, slotLeaseMs: number): Consumption => {
    const state = archives[archive]
    const taking = take(state.bucket, state.rate, tokens, nowMs())
    if (taking._tag === 'Paused') return taking
    if (taking._tag === 'Short') return { _tag: 'Exhausted', retryAfterMs: taking.retryAfterMs }
    for (const [id, untilMs] of state.leases) if (untilMs <= nowMs()) state.leases.delete(id)
    if (state.leases.size >= state.rate.slots) return { _tag: 'NoSlot' }
    const id = `slot-${++slots}`
    state.bucket = taking.bucket
    state.leases.set(id, nowMs() + slotLeaseMs)
    return { _tag: 'Granted', slot: { archive, id } }
  }

  const answer = <A>(run: () => A): TE.TaskEither<Unavailable, A> => TE.fromIO(run)

  return {
    consume: (archive, tokens, slotLeaseMs) => answer(() => consume(archive, tokens, slotLeaseMs)),
    renew: ({ archive, id }, slotLeaseMs) =>
      answer(() => {
        const { leases } = archives[archive]
        if ((leases.get(id) ?? -Infinity) <= nowMs()) return false
        leases.set(id, nowMs() + slotLeaseMs)
        return true
      }),
    free: ({ archive, id }) => answer(() => void archives[archive].leases.delete(id)),
    readRate: (archive) => answer(() => archives[archive].rate),
    setRate: (archive, rate) =>
      answer(() => {
        const state = archives[archive]
        state.bucket = changeRate(state.bucket, state.rate, rate, nowMs())
        state.rate = rate
      }),
  }
}
