import type { Clock } from '../../ports/clock.js'

/** A timer that is given more fires at once. */
const longestTimerMs = 2 ** 31 - 1

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleepMs: (ms) => () => new Promise((resolve) => setTimeout(resolve, Math.min(longestTimerMs, Math.max(0, ms)))),
  repeat: (everyMs, task) => () => {
    let stopped = false
    let running = Promise.resolve()
    let timer: NodeJS.Timeout
    const wait = (): void => {
      if (stopped) return
      timer = setTimeout(() => {
        running = task().then(wait)
      }, everyMs)
    }
    wait()
    return async () => {
      stopped = true
      clearTimeout(timer)
      await running
    }
  },
}
