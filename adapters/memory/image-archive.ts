import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { Task } from 'fp-ts/lib/Task.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Unavailable, UnreadableStudy } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { ArchiveName } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { StudyIdentity } from '../../domain/study-match.js'
import { matchStudy } from '../../domain/study-match.js'
import type { RawStudyRef } from '../../domain/study.js'
import type { ImageArchive } from '../../ports/image-archive.js'

/** A study of the in-memory archive. */
export interface MemoryArchiveStudy extends StudyIdentity {
  /** Paths of its instances; those of one study are all different. */
  readonly files: ReadonlyArray<string>
  /** What makes it unreadable; null for a sound study. */
  readonly problem: string | null
}

/** An archive in memory, with what a test needs to see and to spoil. */
export interface MemoryImageArchive extends ImageArchive {
  readonly put: (archive: ArchiveName, study: MemoryArchiveStudy) => void
  /** While true, nothing is answered. */
  readonly setOutage: (archive: ArchiveName, isOut: boolean) => void
  /** What every answer waits for: a latency, or a gate a test opens. */
  readonly setDelay: (delay: Task<void>) => void
  /** How many retrievals have begun. */
  readonly retrievals: (archive: ArchiveName) => number
}

const readable = ({ studyInstanceUid, files, problem }: MemoryArchiveStudy): E.Either<UnreadableStudy, RawStudyRef> =>
  problem === null
    ? E.right({
        _tag: 'RawStudyRef',
        studyInstanceUid: sensitive(studyInstanceUid),
        files: files.map((path) => sensitive(path)),
      })
    : E.left({ _tag: 'UnreadableStudy', problem })

const outage: Unavailable = unavailable('ImageArchive', { name: 'Outage', code: 'ECONNREFUSED' })

/** Makes an archive in memory: it keeps every promise of the port but has no files of its own. */
export const makeMemoryImageArchive = (): MemoryImageArchive => {
  const studies = { primary: new Map<string, MemoryArchiveStudy>(), secondary: new Map<string, MemoryArchiveStudy>() }
  const out = new Set<ArchiveName>()
  const begun = { primary: 0, secondary: 0 }
  let delay: Task<void> = () => Promise.resolve()

  const answering = (archive: ArchiveName): TE.TaskEither<Unavailable, void> =>
    pipe(
      TE.fromTask<void, Unavailable>(() => delay()),
      TE.flatMap(() => (out.has(archive) ? TE.left(outage) : TE.right(undefined))),
    )
  return {
    put: (archive, study) => {
      studies[archive].set(study.studyInstanceUid, study)
    },
    setOutage: (archive, isOut) => {
      if (isOut) out.add(archive)
      else out.delete(archive)
    },
    setDelay: (next) => {
      delay = next
    },
    retrievals: (archive) => begun[archive],
    retrieve: (archive, request) => () => {
      begun[archive] += 1
      return pipe(
        answering(archive),
        TE.flatMapEither(() => matchStudy(archive, request, studies[archive].values())),
        TE.flatMapEither(readable),
      )()
    },
    probe: answering,
  }
}
