/** What becomes of a message once its handler is done. */
export type Disposition =
  | { readonly _tag: 'Ack' }
  /** Delivered again, not before `afterMs`. */
  | { readonly _tag: 'Requeue'; readonly afterMs: number }
  /** Kept aside with a reason code for an operator to look at. */
  | { readonly _tag: 'DeadLetter'; readonly reason: string }

export const ack: Disposition = { _tag: 'Ack' }
export const requeue = (afterMs: number): Disposition => ({ _tag: 'Requeue', afterMs })
export const deadLetter = (reason: string): Disposition => ({ _tag: 'DeadLetter', reason })
