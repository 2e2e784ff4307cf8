import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { UploadError } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { DeidentifiedStudy } from '../../domain/study.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader, StoredObject, UploadOutcome } from '../../ports/image-uploader.js'
import { checkZipBytes } from '../zip/check-zip.js'

/**
 * How the in-memory destination behaves: `out` does not answer, `refusing` knows another password, `full` has no space
 * left, `losing` takes a part of the instances and says so.
 */
export type DestinationMode = 'working' | 'out' | 'refusing' | 'full' | 'losing'

/** A destination in memory, with what a test needs to see and to spoil. */
export interface MemoryImageUploader extends ImageUploader {
  /** Finished objects and unfinished parts, by name; a test may change them. */
  readonly objects: Map<string, Uint8Array>
  readonly setMode: (mode: DestinationMode) => void
}

const finalName = (study: { project: string; pseudoStudyUid: string }): string =>
  `${study.project}/${study.pseudoStudyUid}.zip`
const partPrefix = (study: DeidentifiedStudy): string => `${study.project}/.${study.pseudoStudyUid}.`
const partPattern = /\.(\d+)\.part$/

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const readAll = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Makes a destination in memory that takes studies from a source: complete or not there at all, like a folder. */
export const makeMemoryImageUploader = (imageSource: ImageSource): MemoryImageUploader => {
  const objects = new Map<string, Uint8Array>()
  let mode: DestinationMode = 'working'

  const trouble = (study: DeidentifiedStudy['pseudoStudyUid'] | null): UploadError | null => {
    if (mode === 'out') return unavailable('ImageUploader', { name: 'Outage', code: 'ECONNREFUSED' })
    if (mode === 'refusing') return { _tag: 'UploadRejected', study, reason: 'credentials' }
    return mode === 'full' ? { _tag: 'UploadRejected', study, reason: 'quota' } : null
  }
  const answering = <A>(
    study: DeidentifiedStudy['pseudoStudyUid'] | null,
    answer: () => A,
  ): TE.TaskEither<UploadError, A> =>
    pipe(
      TE.fromIO<UploadError | null, UploadError>(() => trouble(study)),
      TE.flatMap((found) => (found === null ? TE.right(undefined) : TE.left(found))),
      TE.map(answer),
    )

  const put = async (
    study: DeidentifiedStudy,
    fence: number,
    confirm: TE.TaskEither<UploadError, void>,
  ): Promise<E.Either<UploadError, UploadOutcome>> => {
    const found = trouble(study.pseudoStudyUid)
    if (found !== null) return E.left(found)
    for (const name of [...objects.keys()]) {
      const older = name.startsWith(partPrefix(study)) ? partPattern.exec(name)?.[1] : undefined
      if (older !== undefined && Number(older) < fence) objects.delete(name)
    }
    const source = await imageSource.openArchive(study.ref)()
    if (E.isLeft(source)) return source
    const sent = await readAll(source.right)
    const object: StoredObject = { remoteName: finalName(study), bytes: sent.length, sha256: sha256(sent) }
    const present = objects.get(object.remoteName)
    if (present !== undefined && sha256(present) === object.sha256) return E.right({ _tag: 'alreadyPresent', object })

    const check = await checkZipBytes(sent)
    if (check._tag === 'Damaged' || check.entries !== study.instanceCount) {
      return E.left(unavailable('ImageSource', { name: 'IncompleteArchive' }))
    }
    if (mode === 'losing') {
      return E.left({ _tag: 'UploadRejected', study: study.pseudoStudyUid, reason: 'partial' })
    }
    const confirmed = await confirm()
    if (E.isLeft(confirmed)) return confirmed
    objects.set(object.remoteName, sent)
    return E.right({ _tag: 'stored', object })
  }

  return {
    objects,
    setMode: (next) => {
      mode = next
    },
    supports: { atomic: true, verbatim: true, verification: 'hash' },
    upload: (study, fence, confirm) =>
      pipe(
        TE.tryCatch(
          () => put(study, fence, confirm),
          (caught): UploadError => unavailable('ImageSource', caught),
        ),
        TE.flatMap(TE.fromEither),
      ),
    verify: ({ project, pseudoStudyUid, object }) =>
      answering(pseudoStudyUid, () => {
        const present = objects.get(finalName({ project, pseudoStudyUid }))
        if (present === undefined) return 'absent'
        return sha256(present) === object.sha256 ? 'present' : 'partial'
      }),
    leftovers: (project) =>
      answering(null, () =>
        [...objects.keys()].filter((name) => name.startsWith(`${project}/`) && partPattern.test(name)).sort(),
      ),
    probe: answering(null, () => undefined),
  }
}
