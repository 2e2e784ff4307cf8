import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { StudyNotFound, Unavailable } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { DeidentifiedStudyRef } from '../../domain/study.js'
import type { ImageSource } from '../../ports/image-source.js'
import { writeZip } from '../zip/write-zip.js'
import type { DeidentifiedStore, StoredStudy } from './deidentified-store.js'

/** How a stream stops before its end: by throwing, or silently, as if it were complete. */
export interface Cut {
  readonly afterBytes: number
  readonly how: 'throws' | 'ends'
}

/** A source in memory, with what a test needs to spoil. */
export interface MemoryImageSource extends ImageSource {
  /** While true, nothing is answered. */
  readonly setOutage: (isOut: boolean) => void
  /** Cuts every stream, also those that are open; null lets them run to their end. */
  readonly setCut: (cut: Cut | null) => void
}

const chunkBytes = 65_536
const port = 'ImageSource'

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await Promise.resolve()
    yield bytes.subarray(at, at + chunkBytes)
  }
}

const broken = (): Error => Object.assign(new Error('the source broke'), { name: 'SourceBroken' })

/** Makes a source of the studies the in-memory de-identifier leaves in a store. */
export const makeMemoryImageSource = (store: DeidentifiedStore): MemoryImageSource => {
  let isOut = false
  let cut: Cut | null = null

  async function* cuttable(source: AsyncIterable<Uint8Array>, isStored: () => boolean): AsyncGenerator<Uint8Array> {
    let given = 0
    for await (const chunk of source) {
      if (!isStored()) throw broken()
      const left = cut === null ? chunk.length : Math.max(0, cut.afterBytes - given)
      if (left > 0) yield chunk.subarray(0, left)
      if (cut !== null && left < chunk.length) {
        if (cut.how === 'throws') throw broken()
        return
      }
      given += chunk.length
    }
  }
  const find = (ref: DeidentifiedStudyRef): TE.TaskEither<StudyNotFound | Unavailable, StoredStudy> => {
    const lookUp = (): TE.TaskEither<StudyNotFound | Unavailable, StoredStudy> => {
      if (isOut) return TE.left(unavailable(port, { name: 'Outage' }))
      const stored = store.get(ref)
      const isAsked =
        stored?.study.project === ref.project &&
        stored.study.pseudoStudyUid === ref.pseudoStudyUid &&
        stored.study.instanceCount === stored.instances.length
      return isAsked ? TE.right(stored) : TE.left({ _tag: 'StudyNotFound', study: ref.pseudoStudyUid })
    }
    return () => lookUp()()
  }
  return {
    setOutage: (next) => {
      isOut = next
    },
    setCut: (next) => {
      cut = next
    },
    describe: (ref) =>
      pipe(
        find(ref),
        TE.map(({ study }) => study),
      ),
    openArchive: (ref) =>
      pipe(
        find(ref),
        TE.map((stored) =>
          cuttable(
            writeZip(
              stored.instances.map(({ name, bytes }) => ({ name, bytes: bytes.length, open: () => chunksOf(bytes) })),
            ),
            () => store.get(ref) === stored,
          ),
        ),
      ),
    discard: (ref) =>
      pipe(
        TE.fromIO<void, Unavailable>(() => undefined),
        TE.flatMap(() => (isOut ? TE.left(unavailable(port, { name: 'Outage' })) : TE.right(undefined))),
        TE.map(() => store.remove(ref)),
      ),
  }
}
