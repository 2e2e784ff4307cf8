import { createHash } from 'node:crypto'
import { known, ProjectSlug, PseudoPatientId, PseudoStudyUid } from '../../domain/identifiers.js'
import type { DeidentifiedStudy } from '../../domain/study.js'

/** One file of a de-identified study; `name` is `<pseudo series UID>/<pseudo SOP UID>.dcm`. */
export interface SyntheticInstance {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface SyntheticStudy {
  readonly study: DeidentifiedStudy
  /** Sorted by name. */
  readonly instances: ReadonlyArray<SyntheticInstance>
}

/** An instance as a destination holds it. */
export interface StoredInstance {
  readonly sopInstanceUid: string
  readonly sha256: string
}

const seriesSizes = [[300_000, 10], [200_001]]

/** De-identified study number `n`: three instances in two series, some longer than any chunk; other versions differ. */
export const syntheticStudy = (n: number, version = 1): SyntheticStudy => {
  const uid = known(PseudoStudyUid, `2.25.${100 + n}`)
  const project = known(ProjectSlug, 'project-one')
  const instances = seriesSizes.flatMap((sizes, s) =>
    sizes.map((size, i) => ({
      name: `${uid}.${s}/${uid}.${s}.${i}.dcm`,
      bytes: Buffer.alloc(size, `study ${n} series ${s} instance ${i} version ${version} `),
    })),
  )
  return {
    instances,
    study: {
      ref: { _tag: 'DeidentifiedStudyRef', project, pseudoStudyUid: uid, location: `${uid}-1` },
      project,
      pseudoStudyUid: uid,
      pseudoPatientId: known(PseudoPatientId, `patient-${n}`),
      seriesCount: seriesSizes.length,
      instanceCount: instances.length,
      bytes: instances.reduce((sum, { bytes }) => sum + bytes.length, 0),
    },
  }
}

/** How a destination that keeps instances byte for byte should hold these. */
export const asStored = (instances: ReadonlyArray<SyntheticInstance>): ReadonlyArray<StoredInstance> =>
  instances
    .map(({ name, bytes }) => ({
      sopInstanceUid: name.replace(/^.*\//, '').replace(/\.dcm$/, ''),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    }))
    .sort((a, b) => (a.sopInstanceUid < b.sopInstanceUid ? -1 : 1))

/** All bytes of a stream. */
export const readAll = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * Entries of a stored zip in the order of its directory: a reader of its own, so that a suite does not trust the writer
 * it tests. Throws when the bytes are not a whole zip.
 */
export const entriesOf = (zip: Buffer): ReadonlyArray<SyntheticInstance> => {
  const end = zip.length - 22
  if (end < 0 || zip.readUInt32LE(end) !== 0x06054b50) throw new Error('the zip has no end record')
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  return Array.from({ length: count }, () => {
    if (zip.readUInt32LE(at) !== 0x02014b50) throw new Error('the directory of the zip is damaged')
    if (zip.readUInt16LE(at + 10) !== 0) throw new Error('an entry of the zip is compressed')
    const [size, nameLength, extraLength, local] = [
      zip.readUInt32LE(at + 24),
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt32LE(at + 42),
    ]
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    at += 46 + nameLength + extraLength
    return { name, bytes: zip.subarray(start, start + size) }
  })
}
