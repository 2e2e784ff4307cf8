import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemorySecretStore } from '../../adapters/memory/secret-store.js'
import { makeMemorySecretStore } from '../../adapters/memory/secret-store.js'
import type { SecretName } from '../../domain/identifiers.js'
import { known, SecretName as SecretNameCodec } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { SecretStore } from '../../ports/secret-store.js'
import type { SecretStoreHarness } from '../contract/secret-store.js'
import type { Mutant } from './mutants.js'

/** What a mutant opened; closed with its harness. */
const leaked: Array<FileHandle> = []

type Breaks = (honest: MemorySecretStore) => Partial<SecretStore>

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  change: Breaks,
  harness: Partial<SecretStoreHarness> = {},
): Mutant<SecretStoreHarness> => ({
  title,
  breaks,
  start: async () => {
    const honest = makeMemorySecretStore()
    return {
      store: { ...honest, ...change(honest) },
      writable: true,
      put: async (name, value) => honest.put(name, value),
      forbid: async (name) => honest.forbid(name),
      stopStore: async () => honest.setAvailable(false),
      close: async () => {
        for (const handle of leaked.splice(0)) await handle.close()
      },
      ...harness,
    }
  },
})

const denied = (secret: SecretName) => ({ _tag: 'SecretAccessDenied', secret }) as const
const notFound = (secret: SecretName) => ({ _tag: 'SecretNotFound', secret }) as const

/** Secret stores that each break one promise. */
export const mutants: ReadonlyArray<Mutant<SecretStoreHarness>> = [
  mutant('reads when the task is built', ['does nothing until the task is run'], (honest) => ({
    read: (name) => {
      const early = honest.read(name)()
      return () => early
    },
  })),
  mutant('makes when the task is built', ['does nothing until the task is run'], (honest) => ({
    createIfAbsent: (name, make) => {
      const early = honest.createIfAbsent(name, make)()
      return () => early
    },
  })),
  mutant('trims values', ['gives a secret exactly as it was stored'], (honest) => ({
    read: (name) =>
      TE.map((secret: ReturnType<typeof sensitive>) => sensitive<'Secret'>(secret.reveal().trim()))(honest.read(name)),
  })),
  mutant('remembers what it read', ['gives a secret as it is now when it was changed'], (honest) => {
    const seen = new Map<SecretName, ReturnType<SecretStore['read']>>()
    return {
      read: (name) => async () => {
        const result = await (seen.get(name) ?? honest.read(name))()
        if (E.isRight(result)) seen.set(name, TE.of(result.right))
        return result
      },
    }
  }),
  mutant('takes -- for -', ['keeps secrets of different names apart'], (honest) => ({
    read: (name) => honest.read(known(SecretNameCodec, name.replaceAll('--', '-'))),
  })),
  mutant(
    'answers an absent secret as denied',
    ['answers SecretNotFound with the name for a secret that is absent'],
    (honest) => ({
      read: (name) =>
        TE.mapLeft((error: { _tag: string }) => (error._tag === 'SecretNotFound' ? denied(name) : (error as never)))(
          honest.read(name),
        ),
    }),
  ),
  mutant(
    'answers a denied secret as absent',
    ['answers SecretAccessDenied with the name for a secret that may not be read, and makes no other'],
    (honest) => ({
      read: (name) =>
        TE.mapLeft((error: { _tag: string }) =>
          error._tag === 'SecretAccessDenied' ? notFound(name) : (error as never),
        )(honest.read(name)),
    }),
  ),
  mutant(
    'makes another secret for one that is denied',
    ['answers SecretAccessDenied with the name for a secret that may not be read, and makes no other'],
    (honest) => ({
      createIfAbsent: (name, make) => TE.orElse(() => TE.fromIO(make))(honest.createIfAbsent(name, make)),
    }),
  ),
  mutant(
    'answers absent when it cannot be reached',
    ['answers Unavailable, which is transient, when it cannot be reached, and makes no secret'],
    (honest) => ({
      read: (name) =>
        TE.mapLeft((error: { _tag: string }) => (error._tag === 'Unavailable' ? notFound(name) : (error as never)))(
          honest.read(name),
        ),
    }),
  ),
  mutant(
    'makes a secret although it cannot be reached',
    ['answers Unavailable, which is transient, when it cannot be reached, and makes no secret'],
    (honest) => ({
      createIfAbsent: (name, make) =>
        TE.orElse((error: { _tag: string }) =>
          error._tag === 'Unavailable' ? TE.fromIO(make) : TE.left(error as never),
        )(honest.createIfAbsent(name, make)),
    }),
  ),
  mutant('gives secrets that print', ['shows no secret in a printed form, and none in an error'], (honest) => ({
    read: (name) =>
      TE.map((secret: ReturnType<typeof sensitive>) => ({ reveal: secret.reveal, value: secret.reveal() }))(
        honest.read(name),
      ),
  })),
  mutant(
    'keeps the message of a caught error',
    ['shows no secret in a printed form, and none in an error'],
    (honest) => ({
      createIfAbsent: (name, make) => async () => {
        try {
          make()
        } catch (caught) {
          return E.left({ _tag: 'Unavailable', port: 'SecretStore', cause: { name: (caught as Error).message } })
        }
        return honest.createIfAbsent(name, make)()
      },
    }),
  ),
  mutant(
    'makes a secret over the one that is there',
    ['gives the secret that is there and makes none in its place'],
    (honest) => ({
      createIfAbsent: (name, make) => async () => {
        const secret = make()
        honest.put(name, secret.reveal())
        return E.right(secret)
      },
    }),
  ),
  mutant(
    'makes secrets though it is read-only',
    ['denies making a secret that is absent when it is read-only'],
    () => ({}),
    { writable: false },
  ),
  mutant('forgets what it made', ['makes a secret that is absent and keeps it exactly'], (honest) => ({
    createIfAbsent: (name, make) => TE.orElse(() => TE.fromIO(make))(honest.read(name)),
  })),
  mutant(
    'lets the last of many makers win',
    ['gives one and the same secret to all who make it at once'],
    (honest) => ({
      createIfAbsent: (name, make) => async () => {
        const found = await honest.read(name)()
        if (E.isRight(found)) return found
        const secret = make()
        honest.put(name, secret.reveal())
        return E.right(secret)
      },
    }),
  ),
  mutant('rejects when the maker throws', ['never rejects, though the maker of a secret throws'], (honest) => ({
    createIfAbsent: (name, make) => async () => {
      const found = await honest.read(name)()
      return E.isRight(found)
        ? found
        : honest
            .createIfAbsent(name, () => make())()
            .then((made) => (E.isLeft(made) ? Promise.reject(new Error('made nothing')) : made))
    },
  })),
  mutant('leaves a file open', ['leaves nothing open behind its work'], (honest) => ({
    read: (name) => async () => {
      leaked.push(await open('/dev/null', 'r'))
      return honest.read(name)()
    },
  })),
]
