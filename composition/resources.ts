import * as TE from 'fp-ts/lib/TaskEither.js'
import type { InvalidInput, SecretError, Unavailable } from '../domain/errors.js'
import { invalidInput } from '../domain/errors.js'
import type { SecretName } from '../domain/identifiers.js'
import type { Secret } from '../domain/sensitive.js'

/** Why an application could not be made. */
export type StartError = InvalidInput | SecretError | Unavailable

/** A stack of what has to be closed, in reverse order of opening. */
export interface Resources {
  readonly add: (close: () => Promise<unknown> | void) => void
  readonly close: () => Promise<void>
}

export const makeResources = (): Resources => {
  const stack: Array<() => Promise<unknown> | void> = []
  return {
    add: (close) => void stack.push(close),
    close: async () => {
      for (let close = stack.pop(); close !== undefined; close = stack.pop()) await close()
    },
  }
}

/** Thrown inside {@link building} to end it with an answer rather than a crash. */
export class Refused {
  constructor(readonly error: StartError) {}
}

/** The right of a task, or the end of the building with its left. */
export const orRefuse = async <A>(task: TE.TaskEither<StartError, A>): Promise<A> => {
  const result = await task()
  if (result._tag === 'Left') throw new Refused(result.left)
  return result.right
}

/** Refuses an installation key that would protect nothing. */
export const expectKey = (key: Secret, name: SecretName): void => {
  if (key.reveal().trim() === '')
    throw new Refused(
      invalidInput(`secret ${name}`, 'the installation key is empty', 'store a long random text under that name'),
    )
}

const problems: Readonly<Record<string, string>> = {
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a file is in the way',
  ENOENT: 'a part of the path does not exist',
  ECONNREFUSED: 'nothing answers there',
  ENOTFOUND: 'the host name is unknown',
  ETIMEDOUT: 'it does not answer in time',
  '28P01': 'it refuses the user name or password',
  '28000': 'it refuses the user',
  '3D000': 'it has no such database',
  '42501': 'the user may not do what is needed there',
}

/** Opens resources in order; when a step fails, what was opened is closed, and the answer says why and where. */
export const building = <A>(
  where: string,
  build: (resources: Resources) => Promise<A>,
): TE.TaskEither<StartError, A> => {
  const run = async (): Promise<A> => {
    const resources = makeResources()
    try {
      return await build(resources)
    } catch (caught) {
      await resources.close()
      throw caught
    }
  }
  return TE.tryCatch(run, (caught) => {
    if (caught instanceof Refused) return caught.error
    const code = (caught as { code?: unknown } | null)?.code
    const problem = typeof code === 'string' ? (problems[code] ?? `failed with ${code}`) : 'cannot be opened'
    return invalidInput(where, problem, 'make it usable, or name another one')
  })
}
