import type { FileHandle } from 'node:fs/promises'
import { readFully, unreadable } from './byte-window.js'

const chunkBytes = 1024 * 1024
/** New bytes and small copies are gathered up to this much before they are written. */
const gatheredBytes = 256 * 1024

/** The file being written: new bytes and ranges of the original, in order. Nothing is written before `flush`. */
export interface Output {
  readonly put: (bytes: Buffer) => void
  /**
   * Adds the header of a sequence or item; its last four bytes are the length, given as undefined. Unless `delimited`,
   * the length is filled in by `close` when the header still waits then.
   */
  readonly open: (header: Buffer, delimited: boolean) => void
  /** Ends what was opened last: with its length where that can still be written, with the delimiter otherwise. */
  readonly close: (delimiter: Buffer) => void
  /** Adds a range of the original file, which is copied without being held. */
  readonly copy: (start: number, end: number) => void
  /** Whether enough waits that it is time to flush. */
  readonly due: () => boolean
  readonly flush: () => Promise<void>
  /** Bytes written by finished flushes. */
  readonly written: () => number
}

/** Lends the buffer an output works through. */
export type Chunks = <A>(use: (chunk: Buffer) => Promise<A>) => Promise<A>

/** Keeps buffers that were lent for the next to borrow: getting a new one costs as much as copying a small file. */
export const makeChunks = (): Chunks => {
  const free: Array<Buffer> = []
  return async (use) => {
    const chunk = free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
    try {
      return await use(chunk)
    } finally {
      free.push(chunk)
    }
  }
}

interface Opened {
  readonly header: Buffer
  readonly contentFrom: number
  delimited: boolean
}

interface Range {
  readonly start: number
  readonly end: number
}

const writeFully = async (file: FileHandle, bytes: Buffer): Promise<void> => {
  let done = 0
  while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done)).bytesWritten
}

/** Joins the original and the new file of one instance; `chunk` is all it holds of ranges. */
export const makeOutput = (original: FileHandle, target: FileHandle, chunk: Buffer): Output => {
  let parts: Array<Buffer | Range> = []
  let gathered = 0
  let rangeWaits = false
  let written = 0
  const opened: Array<Opened> = []

  const put = (bytes: Buffer): Buffer => {
    // Copied: a view would keep alive the whole piece of the file it was cut from.
    const own = Buffer.from(bytes)
    parts.push(own)
    gathered += own.length
    return own
  }

  let filled = 0
  const writeChunk = async (): Promise<void> => {
    await writeFully(target, chunk.subarray(0, filled))
    written += filled
    filled = 0
  }
  const fillFrom = async (part: Buffer): Promise<void> => {
    for (let at = 0; at < part.length;) {
      if (filled === chunk.length) await writeChunk()
      const copied = part.copy(chunk, filled, at)
      filled += copied
      at += copied
    }
  }
  const fillFromOriginal = async ({ start, end }: Range): Promise<void> => {
    for (let at = start; at < end;) {
      if (filled === chunk.length) await writeChunk()
      const length = Math.min(chunk.length - filled, end - at)
      const got = await readFully(original, chunk.subarray(filled), at, length)
      if (got < length) unreadable('the file became shorter while it was read')
      filled += got
      at += got
    }
  }

  return {
    put,
    open: (header, delimited) => {
      const own = put(header)
      opened.push({ header: own, contentFrom: gathered, delimited })
    },
    close: (delimiter) => {
      const { header, contentFrom, delimited } = opened.pop()!
      if (delimited) put(delimiter)
      else header.writeUInt32LE(gathered - contentFrom, header.length - 4)
    },
    copy: (start, end) => {
      parts.push({ start, end })
      rangeWaits = true
      // A range may be larger than a length can say, and is written before its container ends.
      for (const container of opened) container.delimited = true
    },
    due: () => rangeWaits || gathered >= gatheredBytes,
    flush: async () => {
      const ready = parts
      parts = []
      gathered = 0
      rangeWaits = false
      for (const container of opened) container.delimited = true
      for (const part of ready) {
        if (Buffer.isBuffer(part)) await fillFrom(part)
        else await fillFromOriginal(part)
      }
      await writeChunk()
    },
    written: () => written,
  }
}
