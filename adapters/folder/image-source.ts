import { lstat, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import type { StudyNotFound, Unavailable } from '../../domain/errors.js'
import { causeOf, unavailable } from '../../domain/errors.js'
import { ProjectSlug, PseudoPatientId, PseudoStudyUid, uidPattern } from '../../domain/identifiers.js'
import type { DeidentifiedStudy, DeidentifiedStudyRef } from '../../domain/study.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ZipEntrySource } from '../zip/write-zip.js'
import { writeZip } from '../zip/write-zip.js'
import { isGone } from './tree.js'

/** What the de-identifier writes beside the instances, last of all: the study as it must be found. */
const StudyJson = t.readonly(
  t.type({
    project: ProjectSlug,
    pseudoStudyUid: PseudoStudyUid,
    pseudoPatientId: PseudoPatientId,
    seriesCount: t.number,
    instanceCount: t.number,
    bytes: t.number,
  }),
)
type StudyJson = t.TypeOf<typeof StudyJson>

interface SpooledInstance {
  readonly name: string
  readonly bytes: number
}
interface SpooledStudy {
  readonly facts: StudyJson
  /** Sorted by name. */
  readonly instances: ReadonlyArray<SpooledInstance>
}

const studyJsonName = 'study.json'
const chunkBytes = 1_048_576
const port = 'ImageSource'

/** A location is the name of one folder of the spool: no separator, and no dot at the start. */
const isFolderName = (location: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(location)

/** Null for an instance or series that has no business in a spool: the study is then not what was written. */
const readSeries = async (folder: string, series: string): Promise<ReadonlyArray<SpooledInstance> | null> => {
  const instances: Array<SpooledInstance> = []
  for (const file of await readdir(join(folder, series), { withFileTypes: true })) {
    const uid = file.name.replace(/\.dcm$/, '')
    if (!file.isFile() || uid === file.name || !uidPattern.test(uid)) return null
    const { size } = await lstat(join(folder, series, file.name))
    instances.push({ name: `${series}/${file.name}`, bytes: size })
  }
  return instances
}

const readInstances = async (folder: string): Promise<ReadonlyArray<SpooledInstance> | null> => {
  const instances: Array<SpooledInstance> = []
  for (const item of await readdir(folder, { withFileTypes: true })) {
    if (item.name === studyJsonName) continue
    const series = item.isDirectory() && uidPattern.test(item.name) ? await readSeries(folder, item.name) : null
    if (series === null || series.length === 0) return null
    for (const instance of series) instances.push(instance)
  }
  return instances.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const readStudyJson = async (folder: string): Promise<StudyJson | null> => {
  const text = await readFile(join(folder, studyJsonName), 'utf8')
  try {
    const decoded = StudyJson.decode(JSON.parse(text))
    return E.isRight(decoded) ? decoded.right : null
  } catch {
    return null
  }
}

/** The study as it lies in the spool; null when it is not there, or not exactly as the de-identifier left it. */
const readStudy = async (spool: string, ref: DeidentifiedStudyRef): Promise<SpooledStudy | null> => {
  // Without this, a spool that is out of reach would look like a spool without the study.
  await readdir(spool)
  if (!isFolderName(ref.location)) return null
  const folder = join(spool, ref.location)
  try {
    if (!(await lstat(folder)).isDirectory()) return null
    const facts = await readStudyJson(folder)
    const instances = await readInstances(folder)
    if (facts === null || instances === null) return null
    const series = new Set(instances.map(({ name }) => name.split('/')[0]))
    const isWhole =
      facts.project === ref.project &&
      facts.pseudoStudyUid === ref.pseudoStudyUid &&
      facts.instanceCount === instances.length &&
      facts.seriesCount === series.size &&
      facts.bytes === instances.reduce((sum, { bytes }) => sum + bytes, 0)
    return isWhole ? { facts, instances } : null
  } catch (caught) {
    if (isGone(caught)) return null
    throw caught
  }
}

async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    for (;;) {
      // A new block each time: whoever asked may still hold the one before.
      const block = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(size, 1)))
      const { bytesRead } = await file.read(block, 0, block.length)
      if (bytesRead === 0) return
      yield block.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** What the stream throws says only what kind of trouble it was: the message of the original names a path. */
async function* withoutPaths(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (caught) {
    const { code } = causeOf(caught)
    throw Object.assign(new Error('the spooled study could not be read to its end'), {
      name: 'SourceBroken',
      ...(code === undefined ? {} : { code }),
    })
  }
}

const describeAs = (ref: DeidentifiedStudyRef, { facts }: SpooledStudy): DeidentifiedStudy => ({
  ref,
  project: facts.project,
  pseudoStudyUid: facts.pseudoStudyUid,
  pseudoPatientId: facts.pseudoPatientId,
  seriesCount: facts.seriesCount,
  instanceCount: facts.instanceCount,
  bytes: facts.bytes,
})

/**
 * Makes a source of the spool folder a de-identifier writes: `<location>/<pseudo series UID>/<pseudo SOP UID>.dcm` and
 * `<location>/study.json`. A study whose folder is not exactly what its `study.json` says is not found.
 */
export const makeFolderImageSource = (spool: string): ImageSource => {
  const find = (ref: DeidentifiedStudyRef): TE.TaskEither<StudyNotFound | Unavailable, SpooledStudy> =>
    pipe(
      TE.tryCatch(
        () => readStudy(spool, ref),
        (caught): StudyNotFound | Unavailable => unavailable(port, caught),
      ),
      TE.flatMap((study): TE.TaskEither<StudyNotFound | Unavailable, SpooledStudy> =>
        study === null ? TE.left({ _tag: 'StudyNotFound', study: ref.pseudoStudyUid }) : TE.right(study),
      ),
    )
  const entriesOf = (ref: DeidentifiedStudyRef, { instances }: SpooledStudy): ReadonlyArray<ZipEntrySource> =>
    instances.map(({ name, bytes }) => ({ name, bytes, open: () => contentOf(join(spool, ref.location, name)) }))

  return {
    describe: (ref) =>
      pipe(
        find(ref),
        TE.map((study) => describeAs(ref, study)),
      ),
    openArchive: (ref) =>
      pipe(
        find(ref),
        TE.map((study) => withoutPaths(writeZip(entriesOf(ref, study)))),
      ),
    discard: (ref) =>
      TE.tryCatch(
        async () => {
          if (isFolderName(ref.location)) await rm(join(spool, ref.location), { recursive: true, force: true })
        },
        (caught) => unavailable(port, caught),
      ),
  }
}
