import type { FileHandle } from 'node:fs/promises'
import type { UnreadableStudy } from '../../domain/errors.js'

/** How much is read at once while walking; the walk holds one such piece of the file. */
const pieceBytes = 32 * 1024

/** Throws the error value of a file that cannot be used; every function of this folder that throws it says so. */
export const unreadable = (problem: string): never => {
  throw { _tag: 'UnreadableStudy', problem } satisfies UnreadableStudy
}

/** Whether something caught is the error value of {@link unreadable}. */
export const isUnreadable = (caught: unknown): caught is UnreadableStudy =>
  typeof caught === 'object' && caught !== null && (caught as { _tag?: unknown })._tag === 'UnreadableStudy'

/** A piece of a file held in memory, moved by {@link ByteWindow.load}. */
export interface ByteWindow {
  /** Size of the file when it was opened. */
  readonly size: number
  readonly holds: (offset: number, length: number) => boolean
  /** Reads so that the range is held; views taken before stay as they were. Throws `UnreadableStudy` past the end. */
  readonly load: (offset: number, length: number) => Promise<void>
  /** A view of a range that is held. */
  readonly view: (offset: number, length: number) => Buffer
  /** Little-endian numbers at an offset that is held. */
  readonly uint16: (offset: number) => number
  readonly uint32: (offset: number) => number
}

/** Fills a buffer from a file range; answers how many bytes the file had. */
export const readFully = async (file: FileHandle, into: Buffer, offset: number, length: number): Promise<number> => {
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(into, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Opens a window on a file of known size. */
export const makeByteWindow = (file: FileHandle, size: number): ByteWindow => {
  let piece: Buffer = Buffer.alloc(0)
  let origin = 0
  const holds = (offset: number, length: number): boolean =>
    offset >= origin && offset + length <= origin + piece.length
  return {
    size,
    holds,
    load: async (offset, length) => {
      if (offset + length > size) unreadable('the file ends in the middle of an element')
      const wanted = Math.min(Math.max(length, pieceBytes), size - offset)
      const next = Buffer.allocUnsafeSlow(wanted)
      const got = await readFully(file, next, offset, wanted)
      if (got < length) unreadable('the file became shorter while it was read')
      piece = next.subarray(0, got)
      origin = offset
    },
    view: (offset, length) => piece.subarray(offset - origin, offset - origin + length),
    uint16: (offset) => piece.readUInt16LE(offset - origin),
    uint32: (offset) => piece.readUInt32LE(offset - origin),
  }
}
