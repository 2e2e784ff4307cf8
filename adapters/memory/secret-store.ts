import * as TE from 'fp-ts/lib/TaskEither.js'
import type { SecretAccessDenied, SecretNotFound, Unavailable } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { SecretName } from '../../domain/identifiers.js'
import type { Secret } from '../../domain/sensitive.js'
import { sensitive } from '../../domain/sensitive.js'
import type { SecretStore } from '../../ports/secret-store.js'

/** A secret store that forgets everything with the process, and the switches a test needs. */
export interface MemorySecretStore extends SecretStore {
  readonly put: (name: SecretName, value: string) => void
  /** From now on nobody may read or make that secret. */
  readonly forbid: (name: SecretName) => void
  /** Whether the store answers. */
  readonly setAvailable: (available: boolean) => void
}

/** Makes a {@link MemorySecretStore} that holds some secrets. */
export const makeMemorySecretStore = (initial: Readonly<Record<string, string>> = {}): MemorySecretStore => {
  const secrets = new Map<string, Secret>(
    Object.entries(initial).map(([name, value]) => [name, sensitive<'Secret'>(value)]),
  )
  const forbidden = new Set<SecretName>()
  let available = true

  const admit = (name: SecretName): TE.TaskEither<SecretAccessDenied | Unavailable, void> => {
    if (!available) return TE.left(unavailable('SecretStore', { name: 'Offline' }))
    return forbidden.has(name) ? TE.left({ _tag: 'SecretAccessDenied', secret: name }) : TE.right(undefined)
  }
  const read =
    (name: SecretName): TE.TaskEither<SecretNotFound | SecretAccessDenied | Unavailable, Secret> =>
    () => {
      const found = TE.fromNullable<SecretNotFound>({ _tag: 'SecretNotFound', secret: name })(secrets.get(name))
      return TE.flatMap(() => found)(admit(name))()
    }
  const createIfAbsent: SecretStore['createIfAbsent'] = (name, make) => () => {
    const made = TE.tryCatch(
      async () => {
        const secret = secrets.get(name) ?? make()
        secrets.set(name, secret)
        return secret
      },
      (caught) => unavailable('SecretStore', caught),
    )
    return TE.flatMap(() => made)(admit(name))()
  }

  return {
    read,
    createIfAbsent,
    put: (name, value) => void secrets.set(name, sensitive<'Secret'>(value)),
    forbid: (name) => void forbidden.add(name),
    setAvailable: (answers) => {
      available = answers
    },
  }
}
