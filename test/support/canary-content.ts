import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { AsyncBuffer } from 'hyparquet'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { Entry, ZipFile } from 'yauzl'
import * as yauzl from 'yauzl'

/** Bytes that may hold other bytes: a file, or what is inside of one. */
export interface Content {
  readonly stream: () => AsyncIterable<Uint8Array>
  /** The file it is, where it is one by itself. */
  readonly path: string | null
}

/** Something inside of a content: it has a name of its own in a zip, and none in a gzip or parquet file. */
export interface Inside {
  readonly name: string | null
  readonly content: Content
}

/** What is inside of larger files is held in memory to be looked into; more than this is an error of the sweep. */
const mostHeldBytes = 512 * 1024 * 1024
const rowsAtOnce = 10_000

/** The content of a file. */
export const fileContent = (path: string): Content => ({
  stream: () => createReadStream(path, { highWaterMark: 1 << 20 }),
  path,
})

const streamed = (stream: () => AsyncIterable<Uint8Array>): Content => ({ stream, path: null })

const firstBytes = async ({ stream, path }: Content): Promise<Buffer> => {
  if (path !== null) {
    const file = await open(path)
    try {
      const { buffer: bytes, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }
  for await (const chunk of stream()) return Buffer.from(chunk.subarray(0, 4))
  return Buffer.alloc(0)
}

const held = async ({ stream }: Content): Promise<Buffer> => {
  const chunks: Array<Uint8Array> = []
  let bytes = 0
  for await (const chunk of stream()) {
    bytes += chunk.length
    if (bytes > mostHeldBytes) throw new Error('what is inside of a file is too large to be looked into')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const openZip = async (content: Content): Promise<ZipFile> => {
  const options: yauzl.Options = { lazyEntries: true, autoClose: false, strictFileNames: false }
  return content.path === null
    ? yauzl.fromBufferPromise(await held(content), options)
    : yauzl.openPromise(content.path, options)
}

async function* entryStream(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  yield* await zip.openReadStreamPromise(entry)
}

async function* insideZip(content: Content): AsyncGenerator<Inside> {
  const zip = await openZip(content)
  try {
    const entries: Array<Entry> = []
    for await (const entry of zip.eachEntry()) entries.push(entry)
    for (const entry of entries) yield { name: entry.fileName, content: streamed(() => entryStream(zip, entry)) }
  } finally {
    zip.close()
  }
}

const gunzipped = (content: Content): Content =>
  streamed(async function* () {
    yield* Readable.from(content.stream()).pipe(createGunzip())
  })

const textOfCell = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value
}

const openParquet = async (content: Content): Promise<AsyncBuffer> => {
  if (content.path !== null) return asyncBufferFromFile(content.path)
  const bytes = await held(content)
  const own = new Uint8Array(bytes).buffer
  return { byteLength: own.byteLength, slice: (start, end) => own.slice(start, end) }
}

/** The rows of a parquet file, as JSON text; its names and statistics are seen in its bytes. */
const parquetRows = (content: Content): Content =>
  streamed(async function* () {
    const file = await openParquet(content)
    const metadata = await parquetMetadataAsync(file)
    for (let rowStart = 0; rowStart < metadata.num_rows; rowStart += rowsAtOnce) {
      const rowEnd = Math.min(rowStart + rowsAtOnce, Number(metadata.num_rows))
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd })
      yield Buffer.from(JSON.stringify(rows, textOfCell))
    }
  })

/** What is inside of a content by its first bytes: entries of a zip, the content of a gzip, rows of a parquet file. */
export async function* insideOf(content: Content): AsyncGenerator<Inside> {
  const first = (await firstBytes(content)).toString('latin1')
  if (first === 'PK\x03\x04') yield* insideZip(content)
  else if (first.startsWith('\x1f\x8b')) yield { name: null, content: gunzipped(content) }
  else if (first === 'PAR1') yield { name: null, content: parquetRows(content) }
}
