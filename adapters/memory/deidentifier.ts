import * as TE from 'fp-ts/lib/TaskEither.js'
import type { Unavailable, UnreadableStudy } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { InstanceFacts, Project } from '../../domain/project.js'
import type { Pseudonyms } from '../../domain/pseudonyms.js'
import { mostFrequentReason } from '../../domain/reasons.js'
import { countLeftOut, whyEachStays } from '../../domain/retention.js'
import type { SeriesInstanceUid } from '../../domain/sensitive.js'
import type { DeidentifiedStudyRef, RawStudyRef } from '../../domain/study.js'
import type { Deidentification, Deidentifier } from '../../ports/deidentifier.js'
import type { DeidentifiedStore } from './deidentified-store.js'

/** An original instance in memory: identifiers as they are, and pixels that may leave. */
export interface MemoryInstance {
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
  readonly facts: InstanceFacts
  readonly pixels: Uint8Array
  /** How the file behind it behaves; readable by default. */
  readonly condition?: 'readable' | 'damaged' | 'missing'
}

type Failure = UnreadableStudy | Unavailable

const unreadable = (problem: string): Failure => ({ _tag: 'UnreadableStudy', problem })

const whatIsWrong = (raw: RawStudyRef, instances: ReadonlyArray<MemoryInstance>): Failure | null => {
  if (instances.length === 0) return unavailable('Deidentifier', { name: 'Error', code: 'ENOENT' })
  if (instances.some(({ condition }) => condition === 'missing'))
    return unavailable('Deidentifier', { name: 'Error', code: 'ENOENT' })
  if (instances.some(({ condition }) => condition === 'damaged')) return unreadable('an instance is damaged')
  if (instances.some(({ studyInstanceUid }) => studyInstanceUid !== raw.studyInstanceUid.reveal()))
    return unreadable('its StudyInstanceUID is not that of the study')
  if (new Set(instances.map(({ sopInstanceUid }) => sopInstanceUid)).size < instances.length)
    return unreadable('another instance has the same SOPInstanceUID')
  return null
}

/** The leaving form of an instance: a line of pseudonyms and its modality, then its pixels, nothing else. */
const rewritten = (instance: MemoryInstance, pseudonyms: Pseudonyms): Uint8Array => {
  const header = JSON.stringify({
    study: pseudonyms.pseudoStudyUid,
    patient: pseudonyms.pseudoPatientId,
    series: pseudonyms.pseudoUid(instance.seriesInstanceUid),
    sop: pseudonyms.pseudoUid(instance.sopInstanceUid),
    modality: instance.facts.modality,
  })
  return Buffer.concat([Buffer.from(`${header}\n`), instance.pixels])
}

/**
 * A {@link Deidentifier} over studies in memory, keyed by the original StudyInstanceUID: it applies the same decisions
 * as one that reads files and leaves its result in a store, where the in-memory ImageSource finds it.
 */
export const makeMemoryDeidentifier = (
  studies: ReadonlyMap<string, ReadonlyArray<MemoryInstance>>,
  store: DeidentifiedStore,
): Deidentifier => {
  const deidentify = (
    raw: RawStudyRef,
    pseudonyms: Pseudonyms,
    project: Project,
    requested: ReadonlyArray<SeriesInstanceUid>,
    fence: number,
  ): TE.TaskEither<Failure, Deidentification> => {
    const { pseudoStudyUid, pseudoPatientId } = pseudonyms
    const location = `${pseudoStudyUid}-${fence}`
    const ref: DeidentifiedStudyRef = {
      _tag: 'DeidentifiedStudyRef',
      project: pseudonyms.project,
      pseudoStudyUid,
      location,
    }
    store.remove(ref)
    const instances = studies.get(raw.studyInstanceUid.reveal()) ?? []
    const wrong = whatIsWrong(raw, instances)
    if (wrong !== null) return TE.left(wrong)
    const reasons = whyEachStays(
      project.config,
      requested.map((uid) => uid.reveal()),
      instances,
    )
    const leftOut = countLeftOut(reasons)
    const leaving = instances.filter((_, i) => reasons[i] === null)
    if (leaving.length === 0) return TE.right({ _tag: 'Skipped', reason: mostFrequentReason(leftOut)!, leftOut })
    const files = leaving.map((instance) => ({
      name: `${pseudonyms.pseudoUid(instance.seriesInstanceUid)}/${pseudonyms.pseudoUid(instance.sopInstanceUid)}.dcm`,
      bytes: rewritten(instance, pseudonyms),
    }))
    const study = {
      ref,
      project: pseudonyms.project,
      pseudoStudyUid,
      pseudoPatientId,
      seriesCount: new Set(leaving.map(({ seriesInstanceUid }) => seriesInstanceUid)).size,
      instanceCount: leaving.length,
      bytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    }
    store.put(study, files)
    return TE.right({ _tag: 'Deidentified', ref, leftOut })
  }
  return { deidentify: (...study) => TE.flatMap(TE.of(undefined), () => deidentify(...study)) }
}
