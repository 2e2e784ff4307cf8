import * as E from 'fp-ts/lib/Either.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Breaker, BreakerCause } from '../domain/breaker.js'
import {
  afterFailure,
  afterSuccess,
  beginProbe,
  closedBreaker,
  letsWorkThrough,
  nextProbeAtMs,
} from '../domain/breaker.js'
import type { Target } from '../domain/ending.js'
import { breakerCauseOf, causeText } from '../domain/ending.js'
import type { PixlError } from '../domain/errors.js'
import type { Clock } from '../ports/clock.js'
import type { Telemetry } from '../ports/telemetry.js'

/** The breakers of one worker: one per archive, destination and its own disk. */
export interface Breakers {
  /** Null when work may go to the target now; else how long to stay away. A probe that is due is made first. */
  readonly admit: (target: Target, probe: TaskEither<PixlError, unknown>) => Task<number | null>
  /** Notes an error of the target, and whether it is the target's own trouble rather than the study's. */
  readonly failed: (target: Target, error: PixlError, probe: TaskEither<PixlError, unknown>) => Task<boolean>
  readonly succeeded: (target: Target) => IO<void>
  /** Targets nothing is sent to at present. */
  readonly open: IO<ReadonlyArray<Target>>
}

/** How long a study stays away while somebody else's probe is under way. */
const probingMs = 1000

export const makeBreakers = (deps: { readonly clock: Clock; readonly telemetry: Telemetry }): Breakers => {
  const breakers = new Map<Target, Breaker>()
  const nowMs = (): number => deps.clock.now().getTime()
  const current = (target: Target): Breaker => breakers.get(target) ?? closedBreaker

  const move = (target: Target, to: Breaker, error: PixlError | null): void => {
    const before = letsWorkThrough(current(target))
    breakers.set(target, to)
    const after = letsWorkThrough(to)
    if (before !== after)
      deps.telemetry.record({
        _tag: 'BreakerMoved',
        target,
        to: after ? 'closed' : 'open',
        error: error === null ? null : causeText(error),
      })()
  }
  const fail = (target: Target, cause: BreakerCause, error: PixlError): void =>
    move(target, afterFailure(current(target), cause, nowMs()), error)

  const admit: Breakers['admit'] = (target, probe) => async () => {
    const breaker = current(target)
    if (letsWorkThrough(breaker)) return null
    const probing = beginProbe(breaker, nowMs())
    if (probing === null)
      return breaker._tag === 'HalfOpen' ? probingMs : Math.max(1, (nextProbeAtMs(breaker) ?? 0) - nowMs())
    breakers.set(target, probing)
    const answer = await probe()
    if (E.isRight(answer)) move(target, afterSuccess(), null)
    else fail(target, breakerCauseOf(answer.left) ?? 'outage', answer.left)
    return E.isRight(answer) ? null : admit(target, probe)()
  }

  return {
    admit,
    failed: (target, error, probe) => async () => {
      const said = breakerCauseOf(error)
      if (said !== null) {
        fail(target, said, error)
        return true
      }
      if (error._tag !== 'Unavailable') return false
      const answer = await probe()
      if (E.isRight(answer)) return false
      fail(target, breakerCauseOf(answer.left) ?? 'outage', answer.left)
      return true
    },
    succeeded: (target) => () => {
      if (current(target) !== closedBreaker) move(target, afterSuccess(), null)
    },
    open: () => [...breakers].filter(([, breaker]) => !letsWorkThrough(breaker)).map(([target]) => target),
  }
}
