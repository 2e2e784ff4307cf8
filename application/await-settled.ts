import * as E from 'fp-ts/lib/Either.js'
import type { IO } from 'fp-ts/lib/IO.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../domain/errors.js'
import type { ImageState } from '../domain/extract.js'
import type { Clock } from '../ports/clock.js'
import type { ExtractRepository, ProjectCounts } from '../ports/extract-repository.js'
import type { RateLimiter } from '../ports/rate-limiter.js'
import type { Breakers } from './breakers.js'

/** Why a run ends: nothing is left to do, nothing could be done for a minute, or somebody stopped it. */
export type Settlement =
  | { readonly _tag: 'Settled' | 'Stopped'; readonly counts: ReadonlyArray<ProjectCounts> }
  | {
      readonly _tag: 'Stuck'
      readonly counts: ReadonlyArray<ProjectCounts>
      readonly waitingFor: ReadonlyArray<string>
    }

/** How long all that is left may wait on open breakers or a pause. */
const patienceMs = 60_000
const pollMs = 250

export const unfinishedStates = ['requested', 'claimed', 'awaiting'] as const satisfies ReadonlyArray<ImageState>

/** Studies of all projects in some states. */
export const countStates = (counts: ReadonlyArray<ProjectCounts>, states: ReadonlyArray<ImageState>): number =>
  counts.reduce((total, project) => total + states.reduce((sum, state) => sum + project.states[state], 0), 0)

/** Waits until no study is left to do, telling the counts now and then. */
export type AwaitSettled = (
  onProgress: (counts: ReadonlyArray<ProjectCounts>) => void,
  stopped: IO<boolean>,
) => TaskEither<Unavailable, Settlement>

export const makeAwaitSettled = (deps: {
  readonly breakers: Breakers
  readonly clock: Clock
  readonly extracts: ExtractRepository
  readonly limiter: RateLimiter
}): AwaitSettled => {
  /** What keeps studies from being worked on at present. */
  const obstacles = async (): Promise<ReadonlyArray<string>> => {
    const rate = await deps.limiter.readRate('primary')()
    const paused = E.isRight(rate) && rate.right.ratePerSecond === 0
    return [...deps.breakers.open(), ...(paused ? ['rate 0'] : [])]
  }

  return (onProgress, stopped) => async () => {
    let left = -1
    let movedAt = deps.clock.now().getTime()
    for (;;) {
      const counted = await deps.extracts.countByState()
      if (E.isLeft(counted)) return counted
      const counts = counted.right
      onProgress(counts)
      const unfinished = countStates(counts, unfinishedStates)
      if (unfinished === 0) return E.right({ _tag: 'Settled', counts })
      if (stopped()) return E.right({ _tag: 'Stopped', counts })
      const now = deps.clock.now().getTime()
      const waitingFor = await obstacles()
      if (unfinished !== left || waitingFor.length === 0) movedAt = now
      left = unfinished
      // A study in hand waits for nothing, however long it takes.
      const inHand = countStates(counts, ['claimed'])
      if (now - movedAt >= patienceMs && inHand === 0) return E.right({ _tag: 'Stuck', counts, waitingFor })
      await deps.clock.sleepMs(pollMs)()
    }
  }
}
