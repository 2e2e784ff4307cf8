import { randomUUID } from 'node:crypto'
import { link, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from './make-folder.js'

/** Who works in a state directory. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** When the process began, in the kernel's own ticks: tells a process from a later one of the same pid; '' if unknown. */
  readonly began: string
}

export type Lock =
  | { readonly _tag: 'Locked'; readonly release: () => Promise<void> }
  /** `holder` null: the lock is not one this program wrote, so nobody can tell whether its holder lives. */
  | { readonly _tag: 'HeldBy'; readonly holder: LockHolder | null }

/** What a lock file says once its holder has given it back. */
const free = 'free'

/** Field 22 of /proc/<pid>/stat; the command name before it may hold blanks and parentheses. */
const beginningOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

const isAlive = async ({ pid, host, began }: LockHolder): Promise<boolean> => {
  // Whether a process of another machine or container lives cannot be told from here.
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (caught) {
    return (caught as NodeJS.ErrnoException).code === 'EPERM'
  }
  return began === '' || (await beginningOf(pid)) === began
}

const lockFile = (directory: string, number: number): string => join(directory, `lock.${number}`)

/** The numbers of the lock files in a directory, lowest first. */
const lockNumbers = async (directory: string): Promise<ReadonlyArray<number>> =>
  (await readdir(directory))
    .flatMap((name) => /^lock\.([1-9]\d{0,14})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)

const isHolder = (value: unknown): value is LockHolder => {
  const { pid, host, began } = (value ?? {}) as Partial<Record<keyof LockHolder, unknown>>
  return Number.isInteger(pid) && (pid as number) > 0 && typeof host === 'string' && typeof began === 'string'
}

const readLock = async (path: string): Promise<LockHolder | 'free' | 'gone' | 'unreadable'> => {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown
    return value === free || isHolder(value) ? value : 'unreadable'
  } catch (caught) {
    if (caught instanceof SyntaxError) return 'unreadable'
    if ((caught as NodeJS.ErrnoException).code === 'ENOENT') return 'gone'
    throw caught
  }
}

/** Puts a file in its place whole, by `place`; false when another process was quicker. */
const put = async (directory: string, text: string, place: (partial: string) => Promise<void>): Promise<boolean> => {
  const partial = join(directory, `lock-${randomUUID()}.partial`)
  try {
    const file = await open(partial, 'wx', 0o600)
    try {
      await file.writeFile(text)
      // A lock that a power cut empties would have to be removed by hand.
      await file.sync()
    } finally {
      await file.close()
    }
    await place(partial)
    return true
  } catch (caught) {
    if (['EEXIST', 'ENOENT'].includes((caught as NodeJS.ErrnoException).code ?? '')) return false
    throw caught
  } finally {
    await rm(partial, { force: true })
  }
}

/** Removes what locks before this one and killed processes left. */
const tidy = async (directory: string, mine: number): Promise<void> => {
  for (const number of await lockNumbers(directory))
    if (number < mine) await rm(lockFile(directory, number), { force: true })
  for (const name of await readdir(directory))
    if (/^lock-.*\.partial$/.test(name)) await rm(join(directory, name), { force: true })
}

const take = async (directory: string, number: number, me: LockHolder): Promise<boolean> => {
  const path = lockFile(directory, number)
  if (!(await put(directory, JSON.stringify(me), (partial) => link(partial, path)))) return false
  // A process that was slow to link may have taken a number that is long superseded.
  if ((await lockNumbers(directory)).at(-1) !== number) {
    await rm(path, { force: true })
    return false
  }
  await tidy(directory, number)
  return true
}

/**
 * Makes this process the only one that works in a directory (made with mode 0700 if missing).
 *
 * The lock is the file `lock.<n>` with the highest number. It is never removed, only superseded: whoever finds it free,
 * or its holder dead, links the next number into place, which one process can. So a lock that somebody lives on is never
 * moved out of the way, however many find a dead one at once.
 */
export const lockDirectory = async (directory: string): Promise<Lock> => {
  await makeFolder(directory, 0o700)
  const me: LockHolder = { pid: process.pid, host: hostname(), began: await beginningOf(process.pid) }
  for (;;) {
    const latest = (await lockNumbers(directory)).at(-1) ?? 0
    if (latest > 0) {
      const holder = await readLock(lockFile(directory, latest))
      if (holder === 'gone') continue
      if (holder === 'unreadable') return { _tag: 'HeldBy', holder: null }
      if (holder !== 'free' && (await isAlive(holder))) return { _tag: 'HeldBy', holder }
    }
    const number = latest + 1
    if (!(await take(directory, number, me))) continue
    const release = async (): Promise<void> => {
      await put(directory, JSON.stringify(free), (partial) => rename(partial, lockFile(directory, number)))
    }
    return { _tag: 'Locked', release }
  }
}
