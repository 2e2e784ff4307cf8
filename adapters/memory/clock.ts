import type { Clock } from '../../ports/clock.js'

/** A clock that only moves when told to. */
export interface MemoryClock extends Clock {
  /**
   * Lets time pass: sleepers wake at their own instant, in order, each with all that follows from it done before the
   * next one wakes.
   */
  readonly advance: (ms: number) => Promise<void>
}

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** Two turns of the event loop: whatever promises and immediates a wake-up starts are done. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A clock for tests: starts at a fixed instant, and sleepers wait for `advance`. */
export const makeMemoryClock = (start: Date = new Date('2024-01-01T00:00:00.000Z')): MemoryClock => {
  let nowMs = start.getTime()
  let sleepers: ReadonlyArray<Sleeper> = []

  const next = (until: number): Sleeper | undefined =>
    sleepers.reduce<Sleeper | undefined>(
      (first, sleeper) => (sleeper.at <= until && sleeper.at < (first?.at ?? Infinity) ? sleeper : first),
      undefined,
    )

  return {
    now: () => new Date(nowMs),
    sleepMs: (ms) => () =>
      ms > 0
        ? new Promise((wake) => {
            sleepers = [...sleepers, { at: nowMs + ms, wake }]
          })
        : new Promise((resolve) => setImmediate(resolve)),
    advance: async (ms) => {
      const until = nowMs + ms
      await settle()
      for (let sleeper = next(until); sleeper !== undefined; sleeper = next(until)) {
        const due = sleeper
        sleepers = sleepers.filter((other) => other !== due)
        nowMs = Math.max(nowMs, due.at)
        due.wake()
        await settle()
      }
      nowMs = Math.max(nowMs, until)
    },
  }
}
