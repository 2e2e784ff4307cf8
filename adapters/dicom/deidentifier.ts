import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { hospitalNumberKey } from '../../domain/cohort.js'
import type { Unavailable, UnreadableStudy } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { Project } from '../../domain/project.js'
import type { Pseudonyms } from '../../domain/pseudonyms.js'
import { mostFrequentReason } from '../../domain/reasons.js'
import { countLeftOut, whyEachStays } from '../../domain/retention.js'
import type { RawFilePath, SeriesInstanceUid } from '../../domain/sensitive.js'
import type { RawStudyRef } from '../../domain/study.js'
import { actionsFor } from '../../domain/tags.js'
import type { Deidentification, Deidentifier } from '../../ports/deidentifier.js'
import { isUnreadable, makeByteWindow, unreadable } from './byte-window.js'
import { walk } from './elements.js'
import { encodeFileMeta } from './file-meta.js'
import type { Instance } from './header.js'
import { readInstance } from './header.js'
import type { Chunks } from './output.js'
import { makeChunks, makeOutput } from './output.js'
import { inParallel } from './parallel.js'
import type { Rewriting } from './rewrite.js'
import { makeRewriter, newUid } from './rewrite.js'

/** An instance as the first pass found it: enough to decide, and to notice a change before the second. */
interface Surveyed {
  readonly path: RawFilePath
  readonly size: number
  readonly modifiedMs: number
  readonly instance: Instance
}

const withFile = async <A>(path: string, flags: string, use: (file: FileHandle) => Promise<A>): Promise<A> => {
  const file = await open(path, flags, 0o600)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

const survey = (path: RawFilePath): Promise<Surveyed> =>
  withFile(path.reveal(), 'r', async (file) => {
    const { size, mtimeMs } = await file.stat()
    return { path, size, modifiedMs: mtimeMs, instance: await readInstance(makeByteWindow(file, size)) }
  })

/** The original UIDs of the study. Throws `UnreadableStudy` unless the files are distinct instances of that one study. */
const ownUidsOf = (studyInstanceUid: string, surveyed: ReadonlyArray<Surveyed>): ReadonlySet<string> => {
  const series = new Set<string>()
  const instances = new Set<string>()
  for (const { header } of surveyed.map(({ instance }) => instance)) {
    if (header.studyInstanceUid !== studyInstanceUid) unreadable('its StudyInstanceUID is not that of the study')
    if (header.seriesInstanceUid === '') unreadable('it has no SeriesInstanceUID')
    if (header.sopInstanceUid === '') unreadable('it has no SOPInstanceUID')
    if (!/^[0-9.]{1,64}$/.test(header.facts.sopClassUid)) unreadable('it has no valid SOPClassUID')
    if (instances.has(header.sopInstanceUid)) unreadable('another file has the same SOPInstanceUID')
    series.add(header.seriesInstanceUid)
    instances.add(header.sopInstanceUid)
  }
  return new Set([studyInstanceUid, ...series, ...instances])
}

/** A participant the cohort names by a hospital number it does not list as one would leave under it. */
const expectPseudonym = ({ pseudoPatientId }: Pseudonyms, surveyed: ReadonlyArray<Surveyed>): void => {
  const name = hospitalNumberKey(pseudoPatientId)
  for (const { header } of surveyed.map(({ instance }) => instance))
    if ([header.patientId, header.accessionNumber].some((id) => id !== '' && hospitalNumberKey(id) === name))
      unreadable('the participant_id of its request is its PatientID or AccessionNumber and would leave with it')
}

/** Writes one instance and answers its size in bytes. */
const writeInstance = (surveyed: Surveyed, rewriting: Rewriting, target: string, chunk: Buffer): Promise<number> =>
  withFile(surveyed.path.reveal(), 'r', async (original) => {
    const { size, mtimeMs } = await original.stat()
    if (size !== surveyed.size || mtimeMs !== surveyed.modifiedMs) throw { name: 'FileChanged' }
    return withFile(target, 'wx', async (file) => {
      const { header, transferSyntaxUid, dataSetStart, implicit } = rewriting.instance
      const output = makeOutput(original, file, chunk)
      const rewriter = makeRewriter(rewriting, output)
      output.put(encodeFileMeta(header.facts.sopClassUid, newUid(rewriting, header.sopInstanceUid), transferSyntaxUid))
      await walk(makeByteWindow(original, size), dataSetStart, size, implicit, rewriter)
      rewriter.finish()
      await output.flush()
      return output.written()
    })
  })

const rememberedUids = 10_000

/** The same names, remembered: every instance repeats UIDs of its study, and a keyed hash costs as much as its header. */
const remembering = (pseudonyms: Pseudonyms): Pseudonyms => {
  const known = new Map<string, string>()
  return {
    ...pseudonyms,
    pseudoUid: (original) => {
      const before = known.get(original)
      if (before !== undefined) return before
      if (known.size >= rememberedUids) known.clear()
      const name = pseudonyms.pseudoUid(original)
      known.set(original, name)
      return name
    },
  }
}

interface Job {
  readonly raw: RawStudyRef
  readonly pseudonyms: Pseudonyms
  readonly project: Project
  readonly requested: ReadonlyArray<SeriesInstanceUid>
  readonly withChunk: Chunks
}

/** Fills the partial folder, unless nothing may leave. */
const fill = async (partial: string, { raw, pseudonyms, project, requested, withChunk }: Job) => {
  if (raw.files.length === 0) unreadable('the study has no instances')
  const surveyed = await inParallel(raw.files, survey)
  const ownUids = ownUidsOf(raw.studyInstanceUid.reveal(), surveyed)
  expectPseudonym(pseudonyms, surveyed)
  const reasons = whyEachStays(
    project.config,
    requested.map((uid) => uid.reveal()),
    surveyed.map(({ instance: { header } }) => header),
  )
  const leftOut = countLeftOut(reasons)
  const leaving = surveyed.filter((_, i) => reasons[i] === null)
  if (leaving.length === 0) return { leftOut, leaves: false }

  const series = new Set(
    leaving.map(({ instance }) => newUid({ instance, pseudonyms }, instance.header.seriesInstanceUid)),
  )
  for (const uid of series) await mkdir(join(partial, uid), { recursive: true, mode: 0o700 })
  const sizes = await inParallel(leaving, (one) => {
    const { instance } = one
    const { header } = instance
    const rewriting = { instance, pseudonyms, ownUids, actions: actionsFor(project.scheme, header.facts.manufacturer) }
    const name = `${newUid(rewriting, header.sopInstanceUid)}.dcm`
    const target = join(partial, newUid(rewriting, header.seriesInstanceUid), name)
    return withChunk((chunk) => writeInstance(one, rewriting, target, chunk))
  })
  const summary = {
    project: pseudonyms.project,
    pseudoStudyUid: pseudonyms.pseudoStudyUid,
    pseudoPatientId: pseudonyms.pseudoPatientId,
    seriesCount: series.size,
    instanceCount: leaving.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  }
  await writeFile(join(partial, 'study.json'), `${JSON.stringify(summary)}\n`, { flag: 'wx', mode: 0o600 })
  return { leftOut, leaves: true }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true })

const deidentify = async (spool: string, job: Job, fence: number): Promise<Deidentification> => {
  const { project, pseudoStudyUid } = job.pseudonyms
  const location = `${pseudoStudyUid}-${fence}`
  const partial = join(spool, `.${location}.partial`)
  // What an earlier run of this claim left would stand for this one if it fails.
  await remove(join(spool, location))
  await remove(partial)
  try {
    await mkdir(partial, { recursive: true, mode: 0o700 })
    const { leaves, leftOut } = await fill(partial, job)
    if (!leaves) {
      await remove(partial)
      return { _tag: 'Skipped', reason: mostFrequentReason(leftOut)!, leftOut }
    }
    await rename(partial, join(spool, location))
    return { _tag: 'Deidentified', ref: { _tag: 'DeidentifiedStudyRef', project, pseudoStudyUid, location }, leftOut }
  } catch (caught) {
    // The first error is the one to tell; the start of the next run clears what cannot be cleared now.
    await remove(partial).catch(() => undefined)
    throw caught
  }
}

const toError = (caught: unknown): UnreadableStudy | Unavailable =>
  isUnreadable(caught) ? caught : unavailable('Deidentifier', caught)

/**
 * A {@link Deidentifier} that rewrites DICOM files on disk by byte ranges: pixels are copied, never decoded or held.
 *
 * A study is written to `<spool>/.<pseudoStudyUid>-<fence>.partial` and renamed to `<spool>/<pseudoStudyUid>-<fence>`
 * when complete: `<pseudo series UID>/<pseudo SOP UID>.dcm` and `study.json`. Whatever the scheme says, the study,
 * series and SOP instance UIDs and the PatientID leave as pseudonyms, SOPClassUID is kept, and PatientIdentityRemoved and
 * DeidentificationMethod are set. The spool is scratch space: nothing is synced, a worker empties it when it starts.
 */
export const makeDicomDeidentifier = (spoolDirectory: string): Deidentifier => {
  const withChunk = makeChunks()
  return {
    deidentify: (raw, pseudonyms, project, requested, fence) => {
      const job = { raw, pseudonyms: remembering(pseudonyms), project, requested, withChunk }
      return TE.tryCatch(() => deidentify(spoolDirectory, job, fence), toError)
    },
  }
}
