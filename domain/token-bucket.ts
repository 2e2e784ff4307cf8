/** How fast an archive is asked. */
export interface Rate {
  /** Tokens (study requests) per second; 0 pauses; Infinity = not limited. */
  readonly ratePerSecond: number
  /** Tokens that can be saved up. At least 1. */
  readonly capacity: number
  /** Retrievals at once, over all workers. */
  readonly slots: number
}

export const defaultRate: Rate = { ratePerSecond: 5, capacity: 5, slots: 5 }

/** A rate with the capacity that goes with it: the default one, or a second's worth where that is more. */
export const rateOf = (ratePerSecond: number, slots: number = defaultRate.slots): Rate => ({
  ratePerSecond,
  capacity: Math.max(defaultRate.capacity, Number.isFinite(ratePerSecond) ? Math.ceil(ratePerSecond) : 0),
  slots,
})

/** The same archive at another rate per second, its slots kept. */
export const withRatePerSecond = (rate: Rate, ratePerSecond: number): Rate => rateOf(ratePerSecond, rate.slots)

/** Whether a rate makes sense: nothing negative, at least one token to save and one slot. */
export const isRate = ({ ratePerSecond, capacity, slots }: Rate): boolean =>
  ratePerSecond >= 0 && capacity >= 1 && slots >= 1

/** Tokens saved at an instant. */
export interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

/** What became of the wish for tokens; only `Taken` changes what is saved. */
export type Taking =
  | { readonly _tag: 'Taken'; readonly bucket: Bucket }
  | { readonly _tag: 'Short'; readonly retryAfterMs: number }
  | { readonly _tag: 'Paused' }

/** The longest wait a timer can be given; more than this fires at once. */
const longestWaitMs = 2 ** 31 - 1

/** What floating point may lack after exactly the wait that was told. */
const tolerance = 1e-9

export const fullBucket = (rate: Rate, nowMs: number): Bucket => ({ tokens: rate.capacity, atMs: nowMs })

/** Adds what time has brought. A clock that was set back brings nothing, and counting goes on from there. */
export const refill = (bucket: Bucket, rate: Rate, nowMs: number): Bucket => {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs)
  const gained = elapsedMs === 0 ? 0 : (rate.ratePerSecond * elapsedMs) / 1000
  return { tokens: Math.min(rate.capacity, bucket.tokens + gained), atMs: nowMs }
}

/** Milliseconds until so many tokens are there if nobody else takes any. Never 0 while some are missing. */
const waitMs = (missing: number, rate: Rate): number =>
  Math.min(longestWaitMs, Math.max(1, Math.ceil((missing / rate.ratePerSecond) * 1000)))

/** Takes tokens, all or none. More than the capacity can never be taken from a limited archive. */
export const take = (bucket: Bucket, rate: Rate, tokens: number, nowMs: number): Taking => {
  if (rate.ratePerSecond === 0) return { _tag: 'Paused' }
  const filled = refill(bucket, rate, nowMs)
  if (rate.ratePerSecond === Infinity) return { _tag: 'Taken', bucket: filled }
  const wanted = Math.max(0, tokens)
  if (wanted > rate.capacity) return { _tag: 'Short', retryAfterMs: longestWaitMs }
  return filled.tokens + tolerance >= wanted
    ? { _tag: 'Taken', bucket: { ...filled, tokens: Math.max(0, filled.tokens - wanted) } }
    : { _tag: 'Short', retryAfterMs: waitMs(wanted - filled.tokens, rate) }
}

/** The bucket as the rate changes: what the old rate brought so far stays, up to the new capacity. */
export const changeRate = (bucket: Bucket, from: Rate, to: Rate, nowMs: number): Bucket => {
  const filled = refill(bucket, from, nowMs)
  return { ...filled, tokens: Math.min(to.capacity, filled.tokens) }
}
