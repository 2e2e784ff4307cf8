import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who works in a state directory. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** When the process began, in the kernel's own ticks: tells a process from a later one of the same pid; '' if unknown. */
  readonly began: string
}

export type Lock =
  | { readonly _tag: 'Locked'; readonly release: () => Promise<void> }
  | { readonly _tag: 'HeldBy'; readonly holder: LockHolder }

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

const readHolder = async (path: string): Promise<LockHolder | null> => {
  const text = await readFile(path, 'utf8').catch(() => null)
  return text === null ? null : (JSON.parse(text) as LockHolder)
}

/**
 * Makes this process the only one that works in a directory (made with mode 0700 if missing). The lock of a process
 * that has died is taken over; it is linked into place, so that it is never there without saying whose it is.
 */
export const lockDirectory = async (directory: string): Promise<Lock> => {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'lock')
  const mine = join(directory, `lock.${process.pid}`)
  const me: LockHolder = { pid: process.pid, host: hostname(), began: await beginningOf(process.pid) }
  await writeFile(mine, JSON.stringify(me), { mode: 0o600 })
  try {
    for (;;) {
      const linked = await link(mine, path).then(
        () => true,
        (caught: NodeJS.ErrnoException) => {
          if (caught.code !== 'EEXIST') throw caught
          return false
        },
      )
      if (linked) return { _tag: 'Locked', release: () => rm(path, { force: true }) }
      const holder = await readHolder(path)
      if (holder === null) continue
      if (await isAlive(holder)) return { _tag: 'HeldBy', holder }
      await removeDead(path, `${mine}.dead`, holder)
    }
  } finally {
    await rm(mine, { force: true })
  }
}

/** Moves a dead lock aside; when another process was quicker and its lock was moved instead, puts that back. */
const removeDead = async (path: string, aside: string, dead: LockHolder): Promise<void> => {
  await rename(path, aside).catch(() => undefined)
  const moved = await readHolder(aside)
  if (moved !== null && JSON.stringify(moved) !== JSON.stringify(dead)) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
