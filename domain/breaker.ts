/** Why nothing is asked of an archive or destination: it does not answer, or refuses whoever asks. */
export type BreakerCause = 'outage' | 'credentials' | 'quota'

/**
 * Keeps work away from an archive or destination that cannot take it, so that no attempt is burnt on it. `Open` waits
 * for its next probe; `HalfOpen` has one probe under way.
 */
export type Breaker =
  | { readonly _tag: 'Closed'; readonly failures: number }
  | { readonly _tag: 'Open'; readonly cause: BreakerCause; readonly probeAtMs: number; readonly delayMs: number }
  | {
      readonly _tag: 'HalfOpen'
      readonly cause: BreakerCause
      readonly probeLostAtMs: number
      readonly delayMs: number
    }

const opensAfter = 5
const firstDelayMs = 5_000
const longestDelayMs = 5 * 60_000
/** A probe that has not answered by then counts as lost and another may start. */
const probeLimitMs = 60_000

/** A breaker that lets work through. */
export const closedBreaker: Breaker = { _tag: 'Closed', failures: 0 }

const open = (cause: BreakerCause, delayMs: number, nowMs: number): Breaker => ({
  _tag: 'Open',
  cause,
  delayMs,
  probeAtMs: nowMs + delayMs,
})

/**
 * The breaker after a failure. Failures count only when a probe failed too: five in a row open it; refused credentials
 * and a full destination open it at once. What fails while it is open was under way before and changes nothing.
 */
export const afterFailure = (breaker: Breaker, cause: BreakerCause, nowMs: number): Breaker => {
  switch (breaker._tag) {
    case 'Open':
      return breaker
    case 'HalfOpen':
      return open(cause, Math.min(longestDelayMs, breaker.delayMs * 2), nowMs)
    case 'Closed': {
      const failures = breaker.failures + 1
      return cause !== 'outage' || failures >= opensAfter
        ? open(cause, firstDelayMs, nowMs)
        : { _tag: 'Closed', failures }
    }
  }
}

/** The breaker after a success, of work or of a probe: closed, with nothing held against it. */
export const afterSuccess = (): Breaker => closedBreaker

/** Whether work may go to the archive or destination. */
export const letsWorkThrough = (breaker: Breaker): boolean => breaker._tag === 'Closed'

/** When a probe may next be tried; null while the breaker is closed. */
export const nextProbeAtMs = (breaker: Breaker): number | null => {
  switch (breaker._tag) {
    case 'Closed':
      return null
    case 'Open':
      return breaker.probeAtMs
    case 'HalfOpen':
      return breaker.probeLostAtMs
  }
}

/** The breaker with a probe under way, for the one that starts it; null when none may start now. */
export const beginProbe = (breaker: Breaker, nowMs: number): Breaker | null => {
  const at = nextProbeAtMs(breaker)
  return breaker._tag === 'Closed' || at === null || nowMs < at
    ? null
    : { _tag: 'HalfOpen', cause: breaker.cause, delayMs: breaker.delayMs, probeLostAtMs: nowMs + probeLimitMs }
}
