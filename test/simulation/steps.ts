/** Counts the calls of all ports of one process, and ends it at one of them. */
export interface Steps {
  /** Resolves when the process has died. */
  readonly died: Promise<void>
  /** Calls made so far. */
  readonly taken: () => number
  /** The port as this process sees it. */
  readonly count: <P extends object>(port: P, tasks?: ReadonlyArray<keyof P>) => P
}

/** Calls without effect: dying after one is dying after the effect before it. */
const onlyReading = new Set([
  'countByState',
  'countLeased',
  'depth',
  'describe',
  'history',
  'probe',
  'readRate',
  'verify',
])

/** A fresh one each time: one for all would keep everything that ever waited for it. */
const never = (): Promise<never> => new Promise(() => undefined)

/**
 * A process that dies after the effect of its n-th call and before its answer; null = it lives on, and only its steps
 * are counted. Dying before the effect of a call is dying after that of the one before.
 */
export const makeSteps = (diesAfter: number | null): Steps => {
  let taken = 0
  let isDead = false
  let announce = (): void => undefined
  const died = new Promise<void>((resolve) => (announce = resolve))
  const die = (): Promise<never> => {
    isDead = true
    announce()
    return never()
  }

  const call =
    (method: string, run: () => Promise<unknown>): (() => Promise<unknown>) =>
    async () => {
      if (isDead) return never()
      if (onlyReading.has(method)) return run()
      taken += 1
      const isLast = taken === diesAfter
      const answer = await run()
      return isLast || isDead ? die() : answer
    }

  return {
    died,
    taken: () => taken,
    count: <P extends object>(port: P, tasks: ReadonlyArray<keyof P> = []): P => {
      const entries = Object.entries(port).map(([key, value]): [string, unknown] => {
        if (typeof value !== 'function') return [key, value]
        if (tasks.includes(key as keyof P)) return [key, call(key, value as () => Promise<unknown>)]
        return [
          key,
          (...args: ReadonlyArray<unknown>): unknown => {
            const task = (value as (...all: ReadonlyArray<unknown>) => unknown)(...args)
            return typeof task === 'function' ? call(key, task as () => Promise<unknown>) : task
          },
        ]
      })
      return Object.fromEntries(entries) as P
    },
  }
}
