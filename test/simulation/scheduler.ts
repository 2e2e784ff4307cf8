import { repeatBySleeping } from '../../adapters/memory/clock.js'
import type { Clock } from '../../ports/clock.js'
import type { Random } from './random.js'

/** Simulated time: nothing happens but what a sleeper does when its instant has come. */
export interface Scheduler extends Clock {
  readonly nowMs: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Wakes sleepers in the order of their instants, in random order among equals, until `done` or `untilMs`. */
  readonly run: (untilMs: number, done: () => boolean) => Promise<void>
}

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

/** Lets everything that follows from a wake-up happen: promises, and one turn for what the bus schedules. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

const startMs = Date.UTC(2024, 0, 1)

export const makeScheduler = (random: Random): Scheduler => {
  const heap: Array<Sleeper> = []
  let nowMs = startMs

  const isBefore = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
  const push = (sleeper: Sleeper): void => {
    let i = heap.push(sleeper) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(heap[i]!, heap[parent]!)) return
      ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
      i = parent
    }
  }
  const pop = (): Sleeper | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let i = 0; ;) {
      const left = 2 * i + 1
      const smaller = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (smaller >= heap.length || !isBefore(heap[smaller]!, heap[i]!)) return first
      ;[heap[i], heap[smaller]] = [heap[smaller]!, heap[i]!]
      i = smaller
    }
  }
  const sleep = (ms: number): Promise<void> =>
    new Promise((wake) => push({ at: nowMs + Math.max(0, ms), order: random.next(), wake }))

  return {
    now: () => new Date(nowMs),
    nowMs: () => nowMs,
    sleep,
    sleepMs: (ms) => () => sleep(ms),
    repeat: repeatBySleeping((ms) => () => sleep(ms)),
    run: async (untilMs, done) => {
      const limit = startMs + untilMs
      await turn()
      while (!done()) {
        if (heap.length === 0 || heap[0]!.at > limit) return
        const sleeper = pop()!
        nowMs = Math.max(nowMs, sleeper.at)
        sleeper.wake()
        await turn()
      }
    },
  }
}
