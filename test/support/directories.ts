import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: Array<string> = []

/** A fresh empty directory; removed by {@link removeTemporaryDirectories}. */
export const temporaryDirectory = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'pixl-'))
  made.push(directory)
  return directory
}

/** Removes every directory made so far: `afterEach(removeTemporaryDirectories)`. */
export const removeTemporaryDirectories = async (): Promise<void> => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true })
}
