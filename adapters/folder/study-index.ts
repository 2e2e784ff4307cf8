import { join } from 'node:path'
import type { StudyIdentity } from '../../domain/study-match.js'
import type { HeaderReading, ReadHeader } from './header-reader.js'
import type { IndexedFile } from './index-file.js'
import { readIndex, writeIndex } from './index-file.js'
import { forEachOf, isGone, readTree } from './tree.js'

/** What a scan of the folder found. */
export interface FolderScan {
  /** Regular files, whatever they are. */
  readonly files: number
  readonly studies: number
  /** Files that are no DICOM instance. */
  readonly notDicom: number
  /** DICOM files that are damaged, whether or not their study can be told. */
  readonly damaged: number
  /** Files and folders that may not be read. */
  readonly unreadable: number
}

/** One file that belongs to a study. */
export interface StudyFile {
  /** Relative to the root. */
  readonly path: string
  readonly stamp: string
  /** '' in a damaged file. */
  readonly sopInstanceUid: string
}

/** A study with all its files, wherever in the tree they lie. */
export interface IndexedStudy extends StudyIdentity {
  readonly files: ReadonlyArray<StudyFile>
  /** What is wrong with a damaged file of it; null when none is. */
  readonly problem: string | null
}

/** The tree as it was when it was last scanned. */
export interface Snapshot {
  /** With all symbolic links resolved. */
  readonly root: string
  readonly files: ReadonlyMap<string, IndexedFile>
  readonly folders: ReadonlyMap<string, string>
  readonly studies: ReadonlyMap<string, IndexedStudy>
  readonly counts: FolderScan
}

const filesReadAtOnce = 6
/** So many headers are read at most before the index is written, lest a killed first scan begin from nothing. */
const headersPerSave = 20_000

interface OpenStudy {
  readonly files: Array<StudyFile>
  readonly owners: Map<string, { readonly patientId: string; readonly accessionNumber: string }>
  problem: string | null
}

const addOwner = (study: OpenStudy, patientId: string, accessionNumber: string): void => {
  study.owners.set(JSON.stringify([patientId, accessionNumber]), { patientId, accessionNumber })
}

const groupByStudy = (files: Iterable<IndexedFile>): ReadonlyMap<string, IndexedStudy> => {
  const studies = new Map<string, OpenStudy>()
  const studyOf = (uid: string): OpenStudy => {
    const study = studies.get(uid) ?? { files: [], owners: new Map(), problem: null }
    studies.set(uid, study)
    return study
  }
  for (const { path, stamp, reading } of files) {
    if (reading._tag === 'NotDicom' || reading.studyInstanceUid === '') continue
    const study = studyOf(reading.studyInstanceUid)
    if (reading._tag === 'Header') addOwner(study, reading.patientId, reading.accessionNumber)
    else study.problem = reading.problem
    study.files.push({ path, stamp, sopInstanceUid: reading._tag === 'Header' ? reading.sopInstanceUid : '' })
  }
  return new Map(
    [...studies].map(([studyInstanceUid, { files: members, owners, problem }]) => [
      studyInstanceUid,
      {
        studyInstanceUid,
        owners: [...owners.values()],
        problem,
        files: members.sort((a, b) => (a.path < b.path ? -1 : 1)),
      },
    ]),
  )
}

/**
 * A file that names neither study nor instance is none, however good its form: a DICOMDIR (PS3.3 annex F), say. One that
 * names one of the two and not the other counts as damaged.
 */
const checked = (reading: HeaderReading): HeaderReading => {
  if (reading._tag !== 'Header') return reading
  const { studyInstanceUid, sopInstanceUid, patientId, accessionNumber } = reading
  if (studyInstanceUid === '' && sopInstanceUid === '') return { _tag: 'NotDicom' }
  return studyInstanceUid === '' || sopInstanceUid === ''
    ? { _tag: 'Damaged', problem: 'it lacks a StudyInstanceUID or SOPInstanceUID', studyInstanceUid }
    : {
        _tag: 'Header',
        studyInstanceUid,
        sopInstanceUid,
        patientId: patientId.trim(),
        accessionNumber: accessionNumber.trim(),
      }
}

const isSame = (a: ReadonlyMap<string, IndexedFile>, b: ReadonlyMap<string, IndexedFile>): boolean =>
  a.size === b.size && [...a.values()].every(({ path, stamp }) => b.get(path)?.stamp === stamp)

/** A share that is not mounted looks like an empty folder: never take that for an archive without studies. */
const emptied = (): Error => Object.assign(new Error('the folder held files before'), { name: 'FolderIsEmptyNow' })

/**
 * Scans a tree, reading only headers of files that are new or changed since the index was written, and writes the
 * index again when anything is different.
 */
export const scanFolder = async (
  root: string,
  index: string,
  readHeader: ReadHeader,
  known: ReadonlyMap<string, IndexedFile> | null,
): Promise<Snapshot> => {
  const before = known ?? (await readIndex(index, root))
  const tree = await readTree(root)
  if (tree.files.length === 0 && before !== null && before.size > 0) throw emptied()

  const files = new Map<string, IndexedFile>()
  let unreadable = tree.unreadable
  let unsaved = 0
  const fresh = tree.files.filter(({ path, stamp }) => {
    const old = before?.get(path)
    if (old?.stamp !== stamp) return true
    files.set(path, old)
    return false
  })
  for (let start = 0; start < fresh.length; start += headersPerSave) {
    if (unsaved > 0) await writeIndex(index, root, files)
    const batch = fresh.slice(start, start + headersPerSave)
    await forEachOf(
      batch,
      async ({ path, stamp }) => {
        try {
          files.set(path, { path, stamp, reading: checked(await readHeader(join(root, path))) })
        } catch (caught) {
          if (!isGone(caught)) unreadable += 1
        }
      },
      filesReadAtOnce,
    )
    unsaved += batch.length
  }
  if (before === null || !isSame(before, files)) await writeIndex(index, root, files)

  const studies = groupByStudy(files.values())
  const count = (tag: HeaderReading['_tag']): number =>
    [...files.values()].filter(({ reading }) => reading._tag === tag).length
  return {
    root,
    files,
    folders: tree.folders,
    studies,
    counts: {
      files: tree.files.length,
      studies: studies.size,
      notDicom: count('NotDicom'),
      damaged: count('Damaged'),
      unreadable,
    },
  }
}
