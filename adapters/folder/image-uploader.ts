import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { UploadError, UploadRejected } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { PseudoStudyUid } from '../../domain/identifiers.js'
import type { DeidentifiedStudy } from '../../domain/study.js'
import type { ImageSource } from '../../ports/image-source.js'
import type { ImageUploader, StoredObject, UploadOutcome } from '../../ports/image-uploader.js'
import { checkZip } from '../zip/check-zip.js'
import type { Fingerprint } from './part-file.js'
import { fingerprintOfFile, fingerprintOfStream, isSourceBroken, syncFolder, writePart } from './part-file.js'
import { codeOf, isGone } from './tree.js'

type Answer<A> = E.Either<UploadError, A>

const port = 'ImageUploader'
const probeBytes = 65_536
/** Up to here older parts are removed by their names; a project folder may hold too many to list it each time. */
const fewFences = 256

const rejected = (reason: UploadRejected['reason'], study: PseudoStudyUid | null): UploadRejected => ({
  _tag: 'UploadRejected',
  study,
  reason,
})

const errorOf =
  (study: PseudoStudyUid | null) =>
  (caught: unknown): UploadError => {
    if (isSourceBroken(caught)) return caught.error
    if (['ENOSPC', 'EDQUOT'].includes(codeOf(caught))) return rejected('quota', study)
    return unavailable(port, caught)
  }

const partName = (uid: string, fence: number): string => `.${uid}.${fence}.part`
const isPart = (name: string): boolean => /^\..*\.part$/.test(name)
const fenceOf = (name: string, uid: string): number | null => {
  const middle = name.startsWith(`.${uid}.`) && isPart(name) ? name.slice(uid.length + 2, -'.part'.length) : ''
  return /^\d+$/.test(middle) ? Number(middle) : null
}

/** The names in a folder; none when it is not there. */
const namesIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(folder)
  } catch (caught) {
    if (isGone(caught)) return []
    throw caught
  }
}

/** Makes one folder whose parent exists: a destination whose parent is missing is one that is not mounted. */
const ensureFolder = async (path: string): Promise<void> => {
  try {
    await mkdir(path, 0o755)
    await syncFolder(dirname(path))
  } catch (caught) {
    if (codeOf(caught) !== 'EEXIST') throw caught
  }
}

/** Rejects when a destination is out of reach, which must not look like one that is empty; it may not be made yet. */
const expectReachable = async (out: string): Promise<void> => {
  try {
    await readdir(out)
  } catch (caught) {
    if (codeOf(caught) !== 'ENOENT') throw caught
    await readdir(dirname(out))
  }
}

/** Removes what earlier claims of this study left behind; what later or other claims write is theirs. */
const removeOlderParts = async (folder: string, uid: string, fence: number): Promise<void> => {
  const older =
    fence <= fewFences
      ? Array.from({ length: Math.max(0, fence) }, (_, n) => partName(uid, n))
      : (await namesIn(folder)).filter((name) => (fenceOf(name, uid) ?? fence) < fence)
  for (const name of older) await rm(join(folder, name), { force: true })
}

const isWhole = async (path: string, study: DeidentifiedStudy): Promise<boolean> => {
  const found = await checkZip(path)
  return (
    found._tag === 'Sound' &&
    found.entries === study.instanceCount &&
    found.folders === study.seriesCount &&
    (study.bytes === null || found.bytes === study.bytes)
  )
}

/** What stands under a name: nothing, a file, or something that is in the way. */
const kindOf = async (path: string): Promise<'nothing' | 'file' | 'other'> => {
  try {
    return (await lstat(path)).isFile() ? 'file' : 'other'
  } catch (caught) {
    if (isGone(caught)) return 'nothing'
    throw caught
  }
}

/**
 * Makes a destination of a folder: `<project slug>/<pseudo study UID>.zip`, complete or not there at all.
 *
 * A study is written to `.<pseudo study UID>.<fence>.part` beside its place, synced, read back entry by entry, and
 * renamed. The files are for others to read: mode 0644 and 0755 less the umask.
 */
export const makeFolderImageUploader = ({
  out,
  imageSource,
}: {
  readonly out: string
  readonly imageSource: ImageSource
}): ImageUploader => {
  const remoteName = (study: { project: string; pseudoStudyUid: string }): string =>
    `${study.project}/${study.pseudoStudyUid}.zip`
  const objectOf = (study: DeidentifiedStudy, { bytes, sha256 }: Fingerprint): StoredObject => ({
    remoteName: remoteName(study),
    bytes,
    sha256,
  })
  const openArchive = imageSource.openArchive

  const isPresent = async (path: string, would: Fingerprint, study: DeidentifiedStudy): Promise<boolean> => {
    if ((await stat(path)).size !== would.bytes) return false
    return (await fingerprintOfFile(path)).sha256 === would.sha256 && (await isWhole(path, study))
  }

  const replace = async (
    study: DeidentifiedStudy,
    fence: number,
    confirm: TE.TaskEither<UploadError, void>,
    source: AsyncIterable<Uint8Array>,
  ): Promise<Answer<UploadOutcome>> => {
    const folder = join(out, study.project)
    const part = join(folder, partName(study.pseudoStudyUid, fence))
    try {
      await rm(part, { force: true })
      const written = await writePart(part, source)
      if (!(await isWhole(part, study))) return E.left(unavailable('ImageSource', { name: 'IncompleteArchive' }))
      // Once more: a claim that was thought dead may have written since.
      await removeOlderParts(folder, study.pseudoStudyUid, fence)
      const confirmed = await confirm()
      if (E.isLeft(confirmed)) return confirmed
      await rename(part, join(out, remoteName(study)))
      await syncFolder(folder)
      return E.right({ _tag: 'stored', object: objectOf(study, written) })
    } finally {
      // Trouble here must not hide what went wrong before; the part carries the fence and the next claim removes it.
      await rm(part, { force: true }).catch(() => undefined)
    }
  }

  const put = async (
    study: DeidentifiedStudy,
    fence: number,
    confirm: TE.TaskEither<UploadError, void>,
  ): Promise<Answer<UploadOutcome>> => {
    const folder = join(out, study.project)
    const final = join(out, remoteName(study))
    await ensureFolder(out)
    await ensureFolder(folder)
    // First of all, since they may be what fills the disk.
    await removeOlderParts(folder, study.pseudoStudyUid, fence)
    const kind = await kindOf(final)
    if (kind === 'other') return E.left(rejected('conflict', study.pseudoStudyUid))
    if (kind === 'file') {
      const source = await openArchive(study.ref)()
      if (E.isLeft(source)) return source
      const would = await fingerprintOfStream(source.right)
      if (await isPresent(final, would, study)) {
        await syncFolder(folder)
        return E.right({ _tag: 'alreadyPresent', object: objectOf(study, would) })
      }
    }
    const source = await openArchive(study.ref)()
    return E.isLeft(source) ? source : replace(study, fence, confirm, source.right)
  }

  const compare = async (
    path: string,
    { bytes, sha256 }: StoredObject,
  ): Promise<'present' | 'partial' | 'absent' | 'unknown'> => {
    await expectReachable(out)
    const kind = await kindOf(path)
    if (kind === 'nothing') return 'absent'
    if (kind === 'other') return 'partial'
    if (bytes !== null && (await stat(path)).size !== bytes) return 'partial'
    if (sha256 === null) return bytes === null ? 'unknown' : 'present'
    return (await fingerprintOfFile(path)).sha256 === sha256 ? 'present' : 'partial'
  }

  const tryWriting = async (): Promise<void> => {
    await ensureFolder(out)
    const path = join(out, `.probe-${randomUUID()}.part`)
    try {
      const file = await open(path, 'wx', 0o600)
      try {
        await file.writeFile(Buffer.alloc(probeBytes))
        await file.sync()
      } finally {
        await file.close()
      }
    } finally {
      await rm(path, { force: true })
    }
  }

  return {
    supports: { atomic: true, verbatim: true, verification: 'hash' },
    upload: (study, fence, confirm) =>
      pipe(
        TE.tryCatch(() => put(study, fence, confirm), errorOf(study.pseudoStudyUid)),
        TE.flatMap(TE.fromEither),
      ),
    verify: (study) =>
      TE.tryCatch(() => compare(join(out, remoteName(study)), study.object), errorOf(study.pseudoStudyUid)),
    leftovers: (project) =>
      TE.tryCatch(async () => {
        await expectReachable(out)
        const names = await namesIn(join(out, project))
        return names
          .filter(isPart)
          .sort()
          .map((name) => `${project}/${name}`)
      }, errorOf(null)),
    probe: TE.tryCatch(tryWriting, errorOf(null)),
  }
}
