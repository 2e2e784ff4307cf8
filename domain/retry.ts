/** How long to wait before trying again. */
export interface Backoff {
  /** Longest wait before the second attempt; doubles with every further one. */
  readonly baseMs: number
  /** No wait is longer. */
  readonly capMs: number
}

/** Where services share a database and archives are busy. */
export const serviceBackoff: Backoff = { baseMs: 10_000, capMs: 30 * 60_000 }

/** Where somebody watches a run on one machine. */
export const embeddedBackoff: Backoff = { baseMs: 1_000, capMs: 30_000 }

/** Failures after which a study is given up. */
export const defaultAttempts = 8

/**
 * The wait after the `attempt`th failure (1 = the first): capped exponential with full jitter, so that many studies
 * that failed together do not come back together, and never less than a tenth of the base, so that nothing spins.
 *
 * `random` is between 0 and 1.
 */
export const backoffMs = ({ baseMs, capMs }: Backoff, attempt: number, random: number): number => {
  const ceiling = Math.min(capMs, baseMs * 2 ** (Math.max(1, attempt) - 1))
  return Math.max(1, Math.round(Math.max(baseMs / 10, Math.min(1, Math.max(0, random)) * ceiling)))
}
