import { crc32 } from 'node:zlib'

/** A file to be put into a zip. */
export interface ZipEntrySource {
  /** Path inside the zip: `/` between folders, none at the start. */
  readonly name: string
  /** Size in bytes; content of any other length breaks the stream. */
  readonly bytes: number
  /** Opens the content; called once, when its turn has come. */
  readonly open: () => AsyncIterable<Uint8Array>
}

interface WrittenEntry {
  readonly name: Buffer
  readonly bytes: number
  readonly crc: number
  readonly offset: number
}

const max16 = 0xffff
const max32 = 0xffffffff
const version = { plain: 20, zip64: 45 }
/** Names are UTF-8 (bit 11); the CRC follows the content (bit 3), as it is not known before. */
const flags = 0x0808
/** 1980-01-01 00:00, the first date the format knows: equal content gives equal bytes. */
const date = 0x00210000
/** A regular file, mode 0644, made on Unix. */
const madeBy = (3 << 8) | version.zip64
const attributes = (0o100644 << 16) >>> 0
const blockBytes = 65_536

type Field = readonly [bytes: 2 | 4 | 8, value: number]

const record = (...fields: ReadonlyArray<Field>): Buffer => {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0))
  let at = 0
  for (const [bytes, value] of fields) {
    if (bytes === 2) buffer.writeUInt16LE(value, at)
    else if (bytes === 4) buffer.writeUInt32LE(value, at)
    else buffer.writeBigUInt64LE(BigInt(value), at)
    at += bytes
  }
  return buffer
}

const isLarge = (bytes: number): boolean => bytes >= max32

/** APPNOTE 4.3.7. A large entry announces its sizes in a zip64 field, so that its descriptor has 8-byte sizes. */
const localHeader = (name: Buffer, bytes: number): Buffer => {
  const large = isLarge(bytes)
  const extra = large ? record([2, 1], [2, 16], [8, bytes], [8, bytes]) : Buffer.alloc(0)
  const size = large ? max32 : bytes
  return Buffer.concat([
    record(
      [4, 0x04034b50],
      [2, large ? version.zip64 : version.plain],
      [2, flags],
      [2, 0],
      [4, date],
      [4, 0],
      [4, size],
      [4, size],
      [2, name.length],
      [2, extra.length],
    ),
    name,
    extra,
  ])
}

/** APPNOTE 4.3.9. */
const descriptor = (crc: number, bytes: number): Buffer => {
  const width = isLarge(bytes) ? 8 : 4
  return record([4, 0x08074b50], [4, crc], [width, bytes], [width, bytes])
}

/** APPNOTE 4.3.12 and 4.5.3. */
const directoryHeader = ({ name, bytes, crc, offset }: WrittenEntry): Buffer => {
  const fields: ReadonlyArray<Field> = [
    ...(isLarge(bytes)
      ? ([
          [8, bytes],
          [8, bytes],
        ] as const)
      : []),
    ...(isLarge(offset) ? ([[8, offset]] as const) : []),
  ]
  const extra = fields.length === 0 ? Buffer.alloc(0) : record([2, 1], [2, fields.length * 8], ...fields)
  const size = Math.min(bytes, max32)
  return Buffer.concat([
    record(
      [4, 0x02014b50],
      [2, madeBy],
      [2, fields.length === 0 ? version.plain : version.zip64],
      [2, flags],
      [2, 0],
      [4, date],
      [4, crc],
      [4, size],
      [4, size],
      [2, name.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, attributes],
      [4, Math.min(offset, max32)],
    ),
    name,
    extra,
  ])
}

/** APPNOTE 4.3.14 to 4.3.16. */
const endRecords = (count: number, start: number, bytes: number): Buffer => {
  const end = record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, Math.min(count, max16)],
    [2, Math.min(count, max16)],
    [4, Math.min(bytes, max32)],
    [4, Math.min(start, max32)],
    [2, 0],
  )
  if (count < max16 && bytes < max32 && start < max32) return end
  const large = record(
    [4, 0x06064b50],
    [8, 44],
    [2, madeBy],
    [2, version.zip64],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, bytes],
    [8, start],
  )
  return Buffer.concat([large, record([4, 0x07064b50], [4, 0], [8, start + bytes], [4, 1]), end])
}

/** Gathers small pieces, so that many small entries, or a directory of many, leave in few chunks; copies no large one. */
async function* gathered(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Array<Uint8Array> = []
  let bytes = 0
  for await (const piece of pieces) {
    if (held.length > 0 && bytes + piece.length > blockBytes) {
      yield held.length === 1 ? held[0]! : Buffer.concat(held)
      held = []
      bytes = 0
    }
    held.push(piece)
    bytes += piece.length
  }
  if (held.length > 0) yield Buffer.concat(held)
}

function* directory(entries: ReadonlyArray<WrittenEntry>, start: number): Generator<Buffer> {
  let bytes = 0
  for (const entry of entries) {
    const header = directoryHeader(entry)
    bytes += header.length
    yield header
  }
  yield endRecords(entries.length, start, bytes)
}

async function* pieces(entries: AsyncIterable<ZipEntrySource> | Iterable<ZipEntrySource>): AsyncGenerator<Uint8Array> {
  const written: Array<WrittenEntry> = []
  let offset = 0
  for await (const { name: text, bytes, open } of entries) {
    const name = Buffer.from(text, 'utf8')
    const header = localHeader(name, bytes)
    yield header
    let crc = 0
    let left = bytes
    for await (const chunk of open()) {
      left -= chunk.length
      if (left < 0) throw new Error('an entry of the zip is longer than announced')
      crc = crc32(chunk, crc)
      yield chunk
    }
    if (left > 0) throw new Error('an entry of the zip is shorter than announced')
    const trailer = descriptor(crc, bytes)
    yield trailer
    written.push({ name, bytes, crc, offset })
    offset += header.length + bytes + trailer.length
  }
  yield* directory(written, offset)
}

/**
 * Writes a zip as a stream: entries stored, in the order given, zip64 where the sizes need it.
 *
 * **Guarantees** equal names and content give equal bytes; nothing is read before it is asked for, and nothing but the
 * names is kept; content that is longer or shorter than announced, or that throws, makes the iteration throw.
 * **Source** PKWARE APPNOTE 6.3.10.
 */
export const writeZip = (
  entries: AsyncIterable<ZipEntrySource> | Iterable<ZipEntrySource>,
): AsyncIterable<Uint8Array> => gathered(pieces(entries))
