import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import * as yauzl from 'yauzl'

/** What a zip proved to be: whole, with its counts, or not. */
export type ZipCheck =
  | {
      readonly _tag: 'Sound'
      readonly entries: number
      /** Distinct folders that hold an entry. */
      readonly folders: number
      /** Sum of the entries' sizes. */
      readonly bytes: number
    }
  | { readonly _tag: 'Damaged'; readonly problem: string }

/** A zip opened for reading at any place. */
interface OpenZip {
  readonly zip: yauzl.ZipFile
  /** Reads into the start of the block and tells how many bytes; 0 at the end of the file. */
  readonly read: (block: Uint8Array, length: number, position: number) => Promise<number>
}

const blockBytes = 1_048_576
/** A local header has at least this (APPNOTE 4.3.7). */
const localHeaderBytes = 30
const options: yauzl.Options = { lazyEntries: true, autoClose: false }

const damaged = (problem: string): ZipCheck => ({ _tag: 'Damaged', problem })

/** Trouble of the disk has a code; what yauzl says about the form of the file has none. */
const isTroubleOfTheDisk = (caught: unknown): boolean => typeof (caught as { code?: unknown }).code === 'string'

const problemOf = async ({ zip, read }: OpenZip, entry: yauzl.Entry, block: Uint8Array): Promise<string | null> => {
  if (entry.compressionMethod !== 0 || entry.isEncrypted()) return 'an entry is compressed or encrypted'
  if (entry.compressedSize !== entry.uncompressedSize) return 'an entry has two sizes'
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
  let crc = 0
  for (let done = 0; done < entry.uncompressedSize;) {
    const wanted = Math.min(block.length, entry.uncompressedSize - done)
    const bytes = await read(block, wanted, fileDataStart + done)
    if (bytes === 0) return 'an entry ends before its size'
    crc = crc32(block.subarray(0, bytes), crc)
    done += bytes
  }
  return crc === entry.crc32 ? null : 'an entry has another checksum than the directory says'
}

const checkEntries = async (opened: OpenZip): Promise<ZipCheck> => {
  const names = new Set<string>()
  const folders = new Set<string>()
  const block = Buffer.allocUnsafe(Math.min(blockBytes, opened.zip.fileSize))
  let bytes = 0
  let end = 0
  for await (const entry of opened.zip.eachEntry()) {
    if (entry.relativeOffsetOfLocalHeader < end) return damaged('entries overlap or stand in another order')
    end = entry.relativeOffsetOfLocalHeader + localHeaderBytes + entry.uncompressedSize
    if (names.has(entry.fileName)) return damaged('two entries have the same name')
    names.add(entry.fileName)
    folders.add(entry.fileName.slice(0, Math.max(0, entry.fileName.lastIndexOf('/'))))
    const problem = await problemOf(opened, entry, block)
    if (problem !== null) return damaged(problem)
    bytes += entry.uncompressedSize
  }
  return names.size === opened.zip.entryCount
    ? { _tag: 'Sound', entries: names.size, folders: folders.size, bytes }
    : damaged('the directory holds another number of entries than it says')
}

const orDamaged = async (check: () => Promise<ZipCheck>): Promise<ZipCheck> => {
  try {
    return await check()
  } catch (caught) {
    if (isTroubleOfTheDisk(caught)) throw caught
    return damaged('it is not a whole zip file')
  }
}

/**
 * Checks a file written by `writeZip` against its own directory: every entry's size and CRC, read once.
 *
 * **Errors** a file that is no whole zip of stored entries is `Damaged`, truncated ones always; rejects only when the
 * disk fails.
 */
export const checkZip = async (path: string): Promise<ZipCheck> => {
  const file = await open(path, 'r')
  try {
    return await orDamaged(async () =>
      checkEntries({
        zip: await yauzl.fromFdPromise(file.fd, options),
        read: async (block, length, position) => (await file.read(block, 0, length, position)).bytesRead,
      }),
    )
  } finally {
    await file.close()
  }
}

/** {@link checkZip} of a zip held in memory. */
export const checkZipBytes = (bytes: Uint8Array): Promise<ZipCheck> =>
  orDamaged(async () =>
    checkEntries({
      zip: await yauzl.fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), options),
      read: (block, length, position) => {
        const part = bytes.subarray(position, position + length)
        block.set(part)
        return Promise.resolve(part.length)
      },
    }),
  )
