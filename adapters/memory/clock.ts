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

/** A few turns of the event loop: what a wake-up starts by promises and immediates is done. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Repeats tasks with nothing but a way to sleep, for clocks of tests. */
export const repeatBySleeping =
  (sleepMs: Clock['sleepMs']): Clock['repeat'] =>
  (everyMs, task) =>
  () => {
    let stopped = false
    let running = Promise.resolve()
    const loop = async (): Promise<void> => {
      for (;;) {
        await sleepMs(everyMs)()
        if (stopped) return
        running = task()
        await running
      }
    }
    void loop()
    return async () => {
      stopped = true
      await running
    }
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

  const sleepMs: Clock['sleepMs'] = (ms) => () =>
    ms > 0
      ? new Promise((wake) => {
          sleepers = [...sleepers, { at: nowMs + ms, wake }]
        })
      : new Promise((resolve) => setImmediate(resolve))

  return {
    now: () => new Date(nowMs),
    sleepMs,
    repeat: repeatBySleeping(sleepMs),
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
