import type { Clock } from '../../ports/clock.js'

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleepMs: (ms) => () => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
}
