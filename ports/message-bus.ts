import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { Either } from 'fp-ts/lib/Either.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { DecodeError } from '../domain/decode.js'
import type { Unavailable } from '../domain/errors.js'
import type { Priority } from '../domain/identifiers.js'
import type { Disposition } from '../domain/routing.js'

/** How a kind of message is written to bytes and read back. */
export interface MessageCodec<A> {
  readonly encode: (message: A) => Uint8Array
  readonly decode: (bytes: Uint8Array) => Either<DecodeError, A>
}

/** A queue and the one kind of message on it. */
export interface Channel<A> {
  readonly queue: string
  readonly codec: MessageCodec<A>
}

export interface Delivery<A> {
  readonly body: A
  readonly priority: Priority
  readonly queue: string
  /** May have been delivered before. */
  readonly redelivered: boolean
}

export interface QueueDepth {
  /** Waiting to be delivered. */
  readonly ready: number
  /** Delivered, not yet settled; null where the broker does not tell. */
  readonly unacknowledged: number | null
}

export interface Subscription {
  /** Stops deliveries; nothing is redelivered for it and what is in flight goes on. Idempotent. */
  readonly pause: Task<void>
  readonly resume: Task<void>
  /** Ends deliveries and resolves once everything in flight is settled. Idempotent. */
  readonly close: Task<void>
}

/** A dead letter as it is listed: never its body. */
export interface DeadLetterEntry {
  readonly reason: string
  readonly at: Date
  readonly bytes: number
}

/** Carries wake-ups between processes, at least once. The rows, not the messages, are the truth. */
export interface MessageBus {
  /**
   * Puts messages on a queue.
   *
   * **Errors** `Unavailable` not every message was confirmed in time; any of them may have arrived.
   * **Guarantees** right = every message is confirmed and routed.
   */
  readonly publish: <A>(to: Channel<A>, messages: NonEmptyArray<A>, priority: Priority) => TaskEither<Unavailable, void>
  /**
   * Delivers messages, at most `maxInFlight` unsettled at once, higher priority first.
   *
   * **Guarantees** a message is delivered until it is settled; one that cannot be decoded is dead-lettered with reason
   * `Undecodable` and never handled; a handler that throws or rejects settles nothing and its message is delivered again.
   */
  readonly subscribe: <A>(
    to: Channel<A>,
    onMessage: (delivery: Delivery<A>) => Task<Disposition>,
    maxInFlight: number,
  ) => TaskEither<Unavailable, Subscription>
  readonly depth: (queue: string) => TaskEither<Unavailable, QueueDepth>
  /** Removes what is waiting and tells how much; what is in flight stays. */
  readonly purge: (queue: string) => TaskEither<Unavailable, number>
  /** The oldest first. */
  readonly readDeadLetters: (queue: string, limit: number) => TaskEither<Unavailable, ReadonlyArray<DeadLetterEntry>>
  /** Puts all dead letters of a queue back on it and tells how many. */
  readonly replayDeadLetters: (queue: string) => TaskEither<Unavailable, number>
}
