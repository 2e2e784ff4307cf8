import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A regular file of a tree as it stands now. */
export interface TreeFile {
  /** Relative to the root. */
  readonly path: string
  /** Size, modification time and inode: another stamp, another content. */
  readonly stamp: string
}

export interface Tree {
  readonly files: ReadonlyArray<TreeFile>
  /** Every folder of the tree, relative to the root, with the stamp it had before it was listed. */
  readonly folders: ReadonlyMap<string, string>
  /** Files and folders that are there and cannot be read. */
  readonly unreadable: number
}

const concurrency = 16

/** Runs a step for every item, a few at once; stops at the first that fails. */
export const forEachOf = async <A>(
  items: Iterable<A>,
  step: (item: A) => Promise<void>,
  atOnce = concurrency,
): Promise<void> => {
  const queue = items[Symbol.iterator]()
  let failed = false
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && !failed; next = queue.next()) {
      try {
        await step(next.value)
      } catch (caught) {
        failed = true
        throw caught
      }
    }
  }
  // Every worker must have ended before the caller goes on, so that nothing runs behind its back.
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, worker))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** Code of a caught system error, '' when it has none. */
export const codeOf = (caught: unknown): string => {
  const code = (caught as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** Tells whether a file or folder is gone, rather than out of reach. */
export const isGone = (caught: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(caught))

/** Stamp of a file or folder; null when it is gone. */
export const stampOf = async (path: string): Promise<string | null> => {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true })
    return `${size}.${mtimeNs}.${ino}`
  } catch (caught) {
    if (isGone(caught)) return null
    throw caught
  }
}

/** A name that is not UTF-8 reaches us with this character in place of its bytes, and cannot be opened. */
const isUnspeakable = (path: string): boolean => path.includes('\uFFFD')

/**
 * Lists the regular files below a folder. Symbolic links are never followed: what they point to inside the tree is
 * found where it lies, what is outside does not belong to it, and so no loop is possible. `lost+found`, which belongs
 * to the file system, is passed over. Rejects when the root itself cannot be read.
 */
export const readTree = async (root: string): Promise<Tree> => {
  const folders = new Map<string, string>()
  const found: Array<string> = []
  const files: Array<TreeFile> = []
  let unreadable = 0

  const list = async (folder: string): Promise<ReadonlyArray<string>> => {
    const stamp = await stampOf(join(root, folder))
    const children: Array<string> = []
    for await (const item of await opendir(join(root, folder), { bufferSize: 256 })) {
      const path = join(folder, item.name)
      if (item.isFile()) found.push(path)
      else if (item.isDirectory() && item.name !== 'lost+found') children.push(path)
    }
    folders.set(folder, stamp ?? '')
    return children
  }
  const orCount =
    (step: (path: string) => Promise<void>) =>
    async (path: string): Promise<void> => {
      try {
        await step(path)
      } catch (caught) {
        if (!isGone(caught) || isUnspeakable(path)) unreadable += 1
      }
    }

  let level = await list('.')
  while (level.length > 0) {
    const next: Array<string> = []
    await forEachOf(
      level,
      orCount(async (folder) => {
        for (const child of await list(folder)) next.push(child)
      }),
    )
    level = next
  }
  await forEachOf(
    found,
    orCount(async (path) => {
      const stamp = await stampOf(join(root, path))
      if (stamp !== null) files.push({ path, stamp })
      else if (isUnspeakable(path)) unreadable += 1
    }),
  )
  return { files, folders, unreadable }
}
