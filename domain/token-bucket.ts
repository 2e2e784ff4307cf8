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
