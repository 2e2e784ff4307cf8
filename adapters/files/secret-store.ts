import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { IO } from 'fp-ts/lib/IO.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, link, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretAccessDenied, SecretError, SecretNotFound } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { SecretName } from '../../domain/identifiers.js'
import type { Secret } from '../../domain/sensitive.js'
import { sensitive } from '../../domain/sensitive.js'
import type { SecretStore } from '../../ports/secret-store.js'

/** No password or key is longer; what is was put here by mistake. */
const maxSecretBytes = 64 * 1024

const denied = (secret: SecretName): SecretAccessDenied => ({ _tag: 'SecretAccessDenied', secret })
const notFound = (secret: SecretName): SecretNotFound => ({ _tag: 'SecretNotFound', secret })

const hasCode = (caught: unknown, ...codes: ReadonlyArray<string>): boolean =>
  codes.includes(String((caught as { code?: unknown } | null)?.code))

/** What stopped a read or a write; a name longer than the file system takes is a secret that is not there. */
const errorOf =
  (name: SecretName) =>
  (caught: unknown): SecretError => {
    if (hasCode(caught, 'EACCES', 'EPERM', 'EROFS', 'EISDIR')) return denied(name)
    return hasCode(caught, 'ENAMETOOLONG') ? notFound(name) : unavailable('SecretStore', caught)
  }

const readSecret = async (directory: string, name: SecretName): Promise<E.Either<SecretError, Secret>> => {
  // A directory that is missing is a mount that is missing: the store does not answer, the secret may well exist.
  await access(directory)
  // Without O_NONBLOCK a named pipe in place of the file would hang.
  const file = await open(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK).catch((caught) => {
    if (hasCode(caught, 'ENOENT')) return null
    throw caught
  })
  if (file === null) return E.left(notFound(name))
  try {
    const stat = await file.stat()
    // Nobody may read a file of mode 0000; the superuser is not stopped by the system, so it is stopped here.
    if (!stat.isFile() || (stat.mode & 0o444) === 0) return E.left(denied(name))
    if (stat.size > maxSecretBytes) return E.left(unavailable('SecretStore', { name: 'TooLong' }))
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.readFile())
    return E.right(sensitive<'Secret'>(text.replace(/\r?\n$/, '')))
  } finally {
    await file.close()
  }
}

const temporaryPrefix = (name: SecretName): string => `.${name}.tmp.`

/** Once the secret is there, temporary files of it are of no use to anybody, whoever left them. */
const removeTemporaryFiles = async (directory: string, name: SecretName): Promise<void> => {
  const leftovers = (await readdir(directory)).filter((entry) => entry.startsWith(temporaryPrefix(name)))
  for (const entry of leftovers) await rm(join(directory, entry), { force: true })
}

const writeDurably = async (path: string, text: string): Promise<void> => {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Puts a secret in place whole or not at all: a hard link appears at once, and never over another file. */
const putIfAbsent = async (directory: string, name: SecretName, secret: Secret): Promise<void> => {
  const value = secret.reveal()
  const temporary = join(directory, `${temporaryPrefix(name)}${randomUUID()}`)
  try {
    // Reading drops one line break at the end; one that belongs to the secret is kept by another after it.
    await writeDurably(temporary, /[\r\n]$/.test(value) ? `${value}\r\n` : value)
    await link(temporary, join(directory, name)).catch((caught) => {
      // EEXIST: another was first. ENOENT: another was first and has removed this temporary file.
      if (!hasCode(caught, 'EEXIST', 'ENOENT')) throw caught
    })
    await syncDirectory(directory)
  } finally {
    await rm(temporary, { force: true })
  }
}

const createSecret = async (
  directory: string,
  name: SecretName,
  make: IO<Secret>,
): Promise<E.Either<SecretError, Secret>> => {
  let found = await readSecret(directory, name)
  if (E.isLeft(found) && found.left._tag === 'SecretNotFound') {
    await putIfAbsent(directory, name, make())
    found = await readSecret(directory, name)
  }
  // A store mounted read-only has no leftovers of ours, and one that cannot be listed keeps them: harmless.
  if (E.isRight(found)) await removeTemporaryFiles(directory, name).catch(() => undefined)
  return found
}

/**
 * Makes a secret store on a directory: one file per secret, named like it, UTF-8. Files it makes have mode 0600; the
 * directory must exist (0700 is right for one that is written to) and is never made here, so that a mount that is
 * missing cannot bring forth a new key. Files others may read are accepted, since Docker and Kubernetes mount them so;
 * what is not a regular file, or has no read permission for anybody, is denied.
 *
 * **Guarantees** a secret is there whole or not at all, whenever the process is killed, and only one of many makers wins,
 * over all processes; the file system must know hard links.
 */
export const makeFileSecretStore = (directory: string): SecretStore => {
  const attempt = (
    name: SecretName,
    work: () => Promise<E.Either<SecretError, Secret>>,
  ): TE.TaskEither<SecretError, Secret> =>
    pipe(
      TE.tryCatch(work, errorOf(name)),
      TE.flatMap((answer) => TE.fromEither(answer)),
    )
  return {
    read: (name) => attempt(name, () => readSecret(directory, name)),
    createIfAbsent: (name, make) =>
      pipe(
        attempt(name, () => createSecret(directory, name, make)),
        TE.mapLeft((error) =>
          error._tag === 'SecretNotFound' ? unavailable('SecretStore', { name: 'SecretVanished' }) : error,
        ),
      ),
  }
}
