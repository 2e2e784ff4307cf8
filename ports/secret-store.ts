import type { IO } from 'fp-ts/lib/IO.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { SecretAccessDenied, SecretNotFound, Unavailable } from '../domain/errors.js'
import type { SecretName } from '../domain/identifiers.js'
import type { Secret } from '../domain/sensitive.js'

/** Where passwords, keys and salts are kept. */
export interface SecretStore {
  /**
   * Reads a secret, exactly as it was stored (a single trailing line break of a file is not part of it).
   *
   * **Errors** `SecretNotFound` there is none of that name; `SecretAccessDenied` it may not be read; `Unavailable` the
   * store does not answer. The three are never confused.
   */
  readonly read: (name: SecretName) => TaskEither<SecretNotFound | SecretAccessDenied | Unavailable, Secret>
  /**
   * Reads a secret, making it first when there is none.
   *
   * **Errors** `SecretAccessDenied` it may not be made (a read-only store) or read; `Unavailable` no answer.
   * **Guarantees** of many callers at once, one makes it and all get that one.
   */
  readonly createIfAbsent: (name: SecretName, make: IO<Secret>) => TaskEither<SecretAccessDenied | Unavailable, Secret>
}
