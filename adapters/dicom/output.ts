import type { FileHandle } from 'node:fs/promises'
import { readFully, unreadable } from './byte-window.js'

const chunkBytes = 1024 * 1024
/** New bytes and small copies are gathered up to this much before they are written. */
const gatheredBytes = 256 * 1024

/** The file being written: new bytes and ranges of the original, in order. Nothing is written before `flush`. */
export interface Output {
  readonly put: (bytes: Buffer) => void
  /** Adds a range of the original file, which is copied without being held. */
  readonly copy: (start: number, end: number) => void
  /** Whether enough waits that it is time to flush. */
  readonly due: () => boolean
  readonly flush: () => Promise<void>
  /** Bytes written by finished flushes. */
  readonly written: () => number
}

interface Range {
  readonly start: number
  readonly end: number
}

const writeFully = async (file: FileHandle, bytes: Buffer): Promise<void> => {
  let done = 0
  while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done)).bytesWritten
}

/** Joins the original and the new file of one instance. */
export const makeOutput = (original: FileHandle, target: FileHandle): Output => {
  let parts: Array<Buffer | Range> = []
  let gathered = 0
  let rangeWaits = false
  let written = 0

  const write = async (bytes: Buffer): Promise<void> => {
    await writeFully(target, bytes)
    written += bytes.length
  }
  const copyRange = async ({ start, end }: Range): Promise<void> => {
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - start))
    for (let at = start; at < end;) {
      const length = Math.min(chunk.length, end - at)
      const got = await readFully(original, chunk, at, length)
      if (got < length) unreadable('the file became shorter while it was read')
      await write(chunk.subarray(0, got))
      at += got
    }
  }

  return {
    put: (bytes) => {
      // Copied: a view would keep alive the whole piece of the file it was cut from.
      parts.push(Buffer.from(bytes))
      gathered += bytes.length
    },
    copy: (start, end) => {
      parts.push({ start, end })
      rangeWaits = true
    },
    due: () => rangeWaits || gathered >= gatheredBytes,
    flush: async () => {
      const ready = parts
      parts = []
      gathered = 0
      rangeWaits = false
      let run: Array<Buffer> = []
      for (const part of ready) {
        if (Buffer.isBuffer(part)) run.push(part)
        else {
          if (run.length > 0) await write(Buffer.concat(run))
          run = []
          await copyRange(part)
        }
      }
      if (run.length > 0) await write(Buffer.concat(run))
    },
    written: () => written,
  }
}
