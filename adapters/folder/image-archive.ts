import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { opendir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { RetrieveError, Unavailable, UnreadableStudy } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import { sensitive } from '../../domain/sensitive.js'
import { matchStudy } from '../../domain/study-match.js'
import type { RawStudyRef, StudyRequest } from '../../domain/study.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { ReadHeader } from './header-reader.js'
import type { FolderScan, IndexedStudy, Snapshot, StudyFile } from './study-index.js'
import { scanFolder } from './study-index.js'
import { forEachOf, stampOf } from './tree.js'

/** A folder tree of DICOM files that answers as the primary archive. */
export interface FolderImageArchive extends ImageArchive {
  /**
   * Looks through the whole tree again and tells what is there.
   *
   * **Errors** `Unavailable` the folder is missing, may not be read, or is empty though it held files before (a share
   * that is not mounted looks like that; remove the index file when it is meant).
   */
  readonly scan: TE.TaskEither<Unavailable, FolderScan>
}

export interface FolderImageArchiveOptions {
  /** The tree: any nesting, any file names. */
  readonly images: string
  /** Where the index is kept between runs; its folder is made with mode 0700. */
  readonly index: string
  readonly readHeader: ReadHeader
  /** Is told what every finished scan found. */
  readonly onScan?: (counts: FolderScan) => void
}

type Answer = E.Either<RetrieveError, RawStudyRef>
const port = 'ImageArchive'
const unreadable = (problem: string): E.Either<UnreadableStudy, never> => E.left({ _tag: 'UnreadableStudy', problem })
const named = (name: string): Unavailable => ({ _tag: 'Unavailable', port, cause: { name } })

const isUnchanged = async (
  root: string,
  stamps: Iterable<readonly [path: string, stamp: string]>,
): Promise<boolean> => {
  let same = true
  await forEachOf(stamps, async ([path, stamp]) => {
    if (same && (await stampOf(join(root, path))) !== stamp) same = false
  })
  return same
}

const digestOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** The files of a study, each instance once; null when two files hold one instance with different content. */
const oneFilePerInstance = async (root: string, study: IndexedStudy): Promise<ReadonlyArray<StudyFile> | null> => {
  const chosen = new Map<string, StudyFile>()
  for (const file of study.files) {
    const other = chosen.get(file.sopInstanceUid)
    if (other === undefined) chosen.set(file.sopInstanceUid, file)
    else if ((await digestOf(join(root, other.path))) !== (await digestOf(join(root, file.path)))) return null
  }
  return [...chosen.values()]
}

/** Whether the folders that hold files of a study (or all, when there is none) still list what they listed. */
const foldersOf = (snapshot: Snapshot, study: IndexedStudy | null): ReadonlyArray<readonly [string, string]> => {
  if (study === null) return [...snapshot.folders]
  const used = new Set(study.files.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/'))) || '.'))
  return [...used].map((folder) => [folder, snapshot.folders.get(folder) ?? ''])
}

/** The study with its files; null when these are no longer what was indexed. */
const answerWith = async ({ root }: Snapshot, study: IndexedStudy): Promise<Answer | null> => {
  if (
    !(await isUnchanged(
      root,
      study.files.map(({ path, stamp }) => [path, stamp]),
    ))
  )
    return null
  if (study.problem !== null) return unreadable(study.problem)
  const files = await oneFilePerInstance(root, study)
  if (files === null) return unreadable('two files hold the same instance with different content')
  return E.right({
    _tag: 'RawStudyRef',
    studyInstanceUid: sensitive(study.studyInstanceUid),
    files: files.map(({ path }) => sensitive(join(root, path))),
  })
}

/** The answer as it stands; null when the tree has changed since the snapshot in a way that may matter to it. */
const answerFrom = async (snapshot: Snapshot, request: StudyRequest, isFresh: boolean): Promise<Answer | null> => {
  const match = matchStudy('primary', request, snapshot.studies.values())
  const study = E.isRight(match) ? match.right : null
  // What may not be read may well be the study: that is not the same as having none.
  const isBlind = study === null && snapshot.counts.unreadable > 0
  if (!isFresh && (isBlind || !(await isUnchanged(snapshot.root, foldersOf(snapshot, study))))) return null
  if (E.isRight(match)) return answerWith(snapshot, match.right)
  return isBlind && match.left._tag === 'StudyNotInArchive' ? E.left(named('UnreadableFiles')) : match
}

const listable = async (folder: string): Promise<string> => {
  const root = await realpath(folder)
  await (await opendir(root)).close()
  return root
}

/**
 * Makes an archive of a folder tree of DICOM files.
 *
 * The tree is scanned at the first request. After that a scan is repeated only when the files of the study asked for,
 * or a folder where it could have appeared, have changed. There is no secondary archive: it has no study.
 */
export const makeFolderImageArchive = ({
  images,
  index,
  readHeader,
  onScan,
}: FolderImageArchiveOptions): FolderImageArchive => {
  let latest: Snapshot | null = null
  let scanning: Promise<Snapshot> | null = null

  const runScan = async (): Promise<Snapshot> => {
    try {
      const root = await listable(images)
      latest = await scanFolder(root, index, readHeader, latest?.root === root ? latest.files : null)
      onScan?.(latest.counts)
      return latest
    } finally {
      scanning = null
    }
  }
  const scanNow = (): Promise<Snapshot> => (scanning ??= runScan())
  /** A scan that began after this was called: one that is under way may have passed the place already. */
  const scanAfresh = async (): Promise<Snapshot> => {
    await scanning?.catch(() => undefined)
    return scanNow()
  }

  const retrieveNow = async (request: StudyRequest): Promise<Answer> => {
    const root = await listable(images)
    const answer = latest?.root === root ? await answerFrom(latest, request, false) : null
    const snapshot = (): Promise<Snapshot> => (latest === null ? scanNow() : scanAfresh())
    return answer ?? (await answerFrom(await snapshot(), request, true)) ?? E.left(named('FilesAreChanging'))
  }

  const outage = (caught: unknown): Unavailable => unavailable(port, caught)
  return {
    scan: pipe(
      TE.tryCatch(scanAfresh, outage),
      TE.map(({ counts }) => counts),
    ),
    retrieve: (archive, request) =>
      archive === 'secondary'
        ? TE.left({ _tag: 'StudyNotInArchive', archive })
        : pipe(
            TE.tryCatch(() => retrieveNow(request), outage),
            TE.flatMap(TE.fromEither),
          ),
    probe: (archive) =>
      archive === 'secondary'
        ? TE.right(undefined)
        : pipe(
            TE.tryCatch(() => listable(images), outage),
            TE.map(() => undefined),
          ),
  }
}
