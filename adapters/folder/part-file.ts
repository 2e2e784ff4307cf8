import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { causeOf, unavailable } from '../../domain/errors.js'
import type { Unavailable } from '../../domain/errors.js'
import { codeOf } from './tree.js'

/** Size and SHA-256 (hex) of some content. */
export interface Fingerprint {
  readonly bytes: number
  readonly sha256: string
}

const writeBytes = 1_048_576

/** Marks trouble of the source, so that it is not taken for trouble of the destination. */
export interface SourceBroken {
  readonly _tag: 'SourceBroken'
  readonly error: Unavailable
}

export const isSourceBroken = (caught: unknown): caught is SourceBroken =>
  (caught as { _tag?: unknown } | null)?._tag === 'SourceBroken'

async function* marked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* source
  } catch (caught) {
    const broken: SourceBroken = { _tag: 'SourceBroken', error: unavailable('ImageSource', causeOf(caught)) }
    throw broken
  }
}

/** Writes all of it: a disk that fills up takes a part first and refuses the rest. */
const writeFully = async (file: FileHandle, chunks: ReadonlyArray<Uint8Array>): Promise<void> => {
  let rest = chunks.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest)
    while (rest.length > 0 && bytesWritten >= rest[0]!.length) {
      bytesWritten -= rest[0]!.length
      rest = rest.slice(1)
    }
    if (bytesWritten > 0) rest = [rest[0]!.subarray(bytesWritten), ...rest.slice(1)]
  }
}

const fingerprint = (hash: Hash, bytes: number): Fingerprint => ({ bytes, sha256: hash.digest('hex') })

/** Fingerprint of what a stream gives. */
export const fingerprintOfStream = async (source: AsyncIterable<Uint8Array>): Promise<Fingerprint> => {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of marked(source)) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return fingerprint(hash, bytes)
}

/** Fingerprint of a file as it is on the disk. */
export const fingerprintOfFile = async (path: string): Promise<Fingerprint> => {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const block = Buffer.allocUnsafe(writeBytes)
    let bytes = 0
    for (;;) {
      const { bytesRead } = await file.read(block, 0, block.length)
      if (bytesRead === 0) return fingerprint(hash, bytes)
      hash.update(block.subarray(0, bytesRead))
      bytes += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** Writes a stream to a new file and makes sure the disk has it. What is already there under that name is an error. */
export const writePart = async (path: string, source: AsyncIterable<Uint8Array>): Promise<Fingerprint> => {
  const file = await open(path, 'wx', 0o644)
  try {
    const hash = createHash('sha256')
    let bytes = 0
    let held: Array<Uint8Array> = []
    let heldBytes = 0
    for await (const chunk of marked(source)) {
      hash.update(chunk)
      bytes += chunk.length
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes < writeBytes) continue
      await writeFully(file, held)
      held = []
      heldBytes = 0
    }
    await writeFully(file, held)
    await file.sync()
    return fingerprint(hash, bytes)
  } finally {
    await file.close()
  }
}

/** What file systems answer that keep no folder of their own to write, as network shares do. */
const cannotSync = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/** Makes the names in a folder survive a power cut, where the file system can. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (caught) {
    if (!cannotSync.includes(codeOf(caught))) throw caught
  } finally {
    await folder.close()
  }
}
