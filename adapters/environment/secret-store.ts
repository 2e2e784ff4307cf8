import * as TE from 'fp-ts/lib/TaskEither.js'
import type { SecretAccessDenied, SecretNotFound } from '../../domain/errors.js'
import type { SecretName } from '../../domain/identifiers.js'
import type { Secret } from '../../domain/sensitive.js'
import { sensitive } from '../../domain/sensitive.js'
import type { SecretStore } from '../../ports/secret-store.js'

/** The variables a secret may be in, the first that is set wins: `a--ftp--host`, then `A__FTP__HOST`. */
const variablesOf = (name: SecretName): ReadonlyArray<string> => [name, name.toUpperCase().replaceAll('-', '_')]

/**
 * Makes a secret store that reads environment variables: the one named exactly like the secret, or else the one named
 * like it in capitals with `_` for `-`. A variable that is set but empty is an empty secret. The store is read-only.
 */
export const makeEnvironmentSecretStore = (environment: Readonly<Record<string, string | undefined>>): SecretStore => {
  const find = (name: SecretName): Secret | null => {
    const variable = variablesOf(name).find((key) => Object.hasOwn(environment, key) && environment[key] !== undefined)
    return variable === undefined ? null : sensitive<'Secret'>(environment[variable]!)
  }
  const orElse =
    <E>(absent: E) =>
    (name: SecretName): TE.TaskEither<E, Secret> =>
    () =>
      TE.fromNullable(absent)(find(name))()

  return {
    read: (name) => orElse<SecretNotFound>({ _tag: 'SecretNotFound', secret: name })(name),
    createIfAbsent: (name) => orElse<SecretAccessDenied>({ _tag: 'SecretAccessDenied', secret: name })(name),
  }
}
