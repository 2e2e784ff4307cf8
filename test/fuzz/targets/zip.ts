import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import * as yauzl from 'yauzl'
import type { Random } from '../../../adapters/synthetic/random.js'
import { makeRandom } from '../../../adapters/synthetic/random.js'
import { checkZip, checkZipBytes } from '../../../adapters/zip/check-zip.js'
import { writeZip } from '../../../adapters/zip/write-zip.js'
import { mutateBytes } from '../mutate.js'
import type { Target } from '../target.js'
import { makeMarker, makeScratch, orViolation, promise, promiseNoMarker } from '../target.js'

const validZip = (random: Random): Promise<Buffer> =>
  buffer(
    writeZip(
      Array.from({ length: random.below(5) }, (_, i) => {
        const content = Buffer.alloc(random.pick([0, 1, 50, 700]), makeMarker(random))
        return {
          name: `1.2.${i % 2}/${i}.dcm`,
          bytes: content.length,
          open: () =>
            (async function* () {
              yield await Promise.resolve(content)
            })(),
        }
      }),
    ),
  )

const signatures = ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08', 'PK\x06\x06', 'PK\x06\x07']

/** Offsets of the fields of a record after its signature that say where, how long, or how many. */
const fields = [4, 6, 8, 10, 12, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 38, 42]

/** Changes one field of one record, or moves records about. */
const mutateRecord = (zip: Buffer, random: Random): Buffer => {
  const starts = signatures.flatMap((signature) => {
    const found: Array<number> = []
    for (let at = zip.indexOf(signature, 0, 'latin1'); at !== -1; at = zip.indexOf(signature, at + 1, 'latin1'))
      found.push(at)
    return found
  })
  if (starts.length === 0) return mutateBytes(zip, random)
  const start = random.pick(starts)
  const changed = Buffer.from(zip)
  const at = start + random.pick(fields)
  switch (random.below(4)) {
    case 0: {
      const other = random.pick(starts)
      return Buffer.concat([zip.subarray(0, start), zip.subarray(other, other + 46), zip.subarray(start)])
    }
    case 1:
      changed.write(random.pick(signatures), start, 'latin1')
      return changed
    default:
      if (at + 4 > changed.length) return mutateBytes(zip, random)
      changed.writeUInt32LE(
        random.pick([0, 1, 0xffff, 0xffffffff, 0x7fffffff, (changed.readUInt32LE(at) ^ 1) >>> 0, random.pick(starts)]),
        at,
      )
      return changed
  }
}

/** What another reader finds: names, sizes and contents. */
const readWith = async (
  input: Uint8Array,
): Promise<{ readonly names: ReadonlyArray<string>; readonly bytes: number }> => {
  const zip = await yauzl.fromBufferPromise(Buffer.from(input), { lazyEntries: true, validateEntrySizes: true })
  const names: Array<string> = []
  let bytes = 0
  for await (const entry of zip.eachEntry()) {
    names.push(entry.fileName)
    const content = await buffer(await zip.openReadStreamPromise(entry))
    promise(content.length === entry.uncompressedSize, 'an entry of a sound zip has another size')
    bytes += content.length
  }
  return { names, bytes }
}

/** The zip checker. */
export const zip: Target = {
  name: 'zip',
  runs: 500,
  open: async () => {
    const directory = await makeScratch()
    const path = join(directory, 'any.zip')
    const valid = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => validZip(makeRandom(seed))))
    return {
      make: (random) => {
        let bytes = random.pick(valid)
        for (let left = 1 + random.below(3); left > 0; left--)
          bytes = random.below(3) === 0 ? mutateBytes(bytes, random) : mutateRecord(bytes, random)
        return bytes
      },
      check: async (input) => {
        await writeFile(path, input)
        const answer = await orViolation('checking a file', () => checkZip(path))
        const inMemory = await orViolation('checking bytes', () => checkZipBytes(input))
        promise(JSON.stringify(answer) === JSON.stringify(inMemory), 'a file and its bytes are judged differently')
        if (answer._tag === 'Damaged') return promiseNoMarker(answer, 'the problem')
        const found = await orViolation('yauzl', () => readWith(input))
        promise(
          new Set(found.names).size === answer.entries && found.names.length === answer.entries,
          'a sound zip has other entries',
        )
        promise(found.bytes === answer.bytes, 'a sound zip has other content')
        promise(answer.bytes <= input.length, 'a sound zip holds more than its size: entries overlap')
      },
      close: () => rm(directory, { recursive: true, force: true }),
    }
  },
}
