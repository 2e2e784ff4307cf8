import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../domain/errors.js'
import type { ArchiveName } from '../domain/identifiers.js'
import type { Rate } from '../domain/token-bucket.js'

/** The right to run one retrieval: a lease on one of the archive's slots. */
export interface Slot {
  readonly archive: ArchiveName
  readonly id: string
}

export type Consumption =
  | { readonly _tag: 'Granted'; readonly slot: Slot }
  | { readonly _tag: 'Exhausted'; readonly retryAfterMs: number }
  | { readonly _tag: 'NoSlot' }
  | { readonly _tag: 'Paused' }

/** Keeps what is asked of an archive within what it can bear: a token bucket and a number of slots per archive. */
export interface RateLimiter {
  /**
   * Takes tokens and a slot in one step, neither without the other.
   *
   * **Shape** one token = one study request. `Exhausted` tells when as many tokens will be there if nobody else takes
   * any; `NoSlot` all slots are taken (no token was taken); `Paused` the rate is 0.
   * **Units** `slotLeaseMs`: the slot is free again then unless renewed.
   * **Errors** `Unavailable`.
   * **Guarantees** over any period at most capacity + rate x elapsed tokens are granted, over all callers.
   */
  readonly consume: (archive: ArchiveName, tokens: number, slotLeaseMs: number) => TaskEither<Unavailable, Consumption>
  /** Prolongs a slot; `false` when it had expired (another may hold it). */
  readonly renew: (slot: Slot, slotLeaseMs: number) => TaskEither<Unavailable, boolean>
  /** Gives a slot back; freeing it twice or after expiry is a success and frees nobody else's. */
  readonly free: (slot: Slot) => TaskEither<Unavailable, void>
  readonly readRate: (archive: ArchiveName) => TaskEither<Unavailable, Rate>
  /** The new rate holds from the next `consume` of any caller. Saved tokens above the new capacity are lost. */
  readonly setRate: (archive: ArchiveName, rate: Rate) => TaskEither<Unavailable, void>
}
