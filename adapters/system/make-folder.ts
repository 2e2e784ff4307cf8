import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder and those it is in; one that is there stays as it is, a file in its place is EEXIST. Node's own way
 * never ends where making a folder in one that is there is answered by ENOENT, as automounters and /proc do.
 */
export const makeFolder = async (path: string, mode = 0o777): Promise<void> => {
  const absolute = resolve(path)
  try {
    await mkdir(absolute, { mode })
  } catch (caught) {
    const { code } = caught as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(absolute)).isDirectory()) return
    const parent = await stat(dirname(absolute)).catch(() => null)
    if (code !== 'ENOENT' || parent !== null) throw caught
    await makeFolder(dirname(absolute), mode)
    await mkdir(absolute, { mode })
  }
}
