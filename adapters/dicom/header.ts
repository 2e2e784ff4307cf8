import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { InstanceFacts } from '../../domain/project.js'
import type { Tag } from '../../domain/tags.js'
import { tagOf, tagText } from '../../domain/tags.js'
import type { ByteWindow } from './byte-window.js'
import { isUnreadable, makeByteWindow, unreadable } from './byte-window.js'
import type { Element } from './elements.js'
import { heldValue, walk } from './elements.js'
import type { FileMeta } from './file-meta.js'
import { hasPrefix, readFileMeta } from './file-meta.js'
import { decodeText, trim } from './text.js'

/** What an index and the de-identifier need of an instance. Texts are decoded and trimmed, '' when absent. */
export interface Header {
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
  readonly patientId: string
  readonly accessionNumber: string
  /** `YYYYMMDD`, as in the file. */
  readonly studyDate: string
  readonly facts: InstanceFacts
}

/** What a file turned out to be. */
export type HeaderReading =
  | ({ readonly _tag: 'Header' } & Header)
  /** Not a DICOM part 10 file: no prefix, or too short to have one. */
  | { readonly _tag: 'NotDicom' }
  /** A DICOM file that cannot be used; `studyInstanceUid` is '' when the damage came before it. */
  | { readonly _tag: 'Damaged'; readonly problem: string; readonly studyInstanceUid: string }

/** An instance as the de-identifier needs it: its header, and where its data set is. */
export interface Instance extends FileMeta {
  readonly header: Header
  /** SpecificCharacterSet (0008,0005), as in the file. */
  readonly characterSet: string
  /** Values that name the patient or the study, as bytes read one to one: what no kept text may hold. */
  readonly identifying: ReadonlyArray<string>
}

/** The tags that decide about an instance or name what it belongs to. */
export const tags = {
  characterSet: tagOf(0x0008, 0x0005),
  imageType: tagOf(0x0008, 0x0008),
  sopClassUid: tagOf(0x0008, 0x0016),
  sopInstanceUid: tagOf(0x0008, 0x0018),
  studyDate: tagOf(0x0008, 0x0020),
  accessionNumber: tagOf(0x0008, 0x0050),
  modality: tagOf(0x0008, 0x0060),
  conversionType: tagOf(0x0008, 0x0064),
  manufacturer: tagOf(0x0008, 0x0070),
  seriesDescription: tagOf(0x0008, 0x103e),
  patientName: tagOf(0x0010, 0x0010),
  patientId: tagOf(0x0010, 0x0020),
  patientBirthDate: tagOf(0x0010, 0x0030),
  otherPatientIds: tagOf(0x0010, 0x1000),
  patientIdentityRemoved: tagOf(0x0012, 0x0062),
  deidentificationMethod: tagOf(0x0012, 0x0063),
  studyInstanceUid: tagOf(0x0020, 0x000d),
  seriesInstanceUid: tagOf(0x0020, 0x000e),
  seriesNumber: tagOf(0x0020, 0x0011),
  burnedInAnnotation: tagOf(0x0028, 0x0301),
} as const

const wanted: ReadonlySet<Tag> = new Set(Object.values(tags))
const identifyingTags = [
  tags.studyInstanceUid,
  tags.seriesInstanceUid,
  tags.sopInstanceUid,
  tags.patientId,
  tags.accessionNumber,
  tags.patientName,
  tags.patientBirthDate,
  tags.otherPatientIds,
]
const imageTags: ReadonlyArray<Tag> = [tagOf(0x28, 0x10), tagOf(0x28, 0x11), tagOf(0x28, 0x100)]
const pixelTags: ReadonlyArray<Tag> = [
  tagOf(0x0028, 0x7fe0),
  tagOf(0x7fe0, 0x0008),
  tagOf(0x7fe0, 0x0009),
  tagOf(0x7fe0, 0x0010),
]

const noticed: ReadonlySet<Tag> = new Set([...wanted, ...imageTags, ...pixelTags])

/** Shorter values would be found in texts that have nothing to do with them. */
const shortestIdentifying = 6

/** Elements picked on the way through a data set: raw values, and which image elements there were. */
interface Picked {
  readonly values: Map<Tag, Buffer>
  readonly seen: Set<Tag>
}

const pick =
  ({ values, seen }: Picked) =>
  (element: Element): 'skip' => {
    const { tag, depth } = element
    if (depth > 0 || !noticed.has(tag)) return 'skip'
    seen.add(tag)
    if (!wanted.has(tag)) return 'skip'
    const value = heldValue(element)
    if (value === null) unreadable(`${tagText(tag)} is longer than it can be`)
    else if (values.has(tag)) unreadable(`${tagText(tag)} is there twice`)
    // Copied, so that the piece of the file it came from need not be kept.
    else values.set(tag, Buffer.from(value))
    return 'skip'
  }

const seriesNumberOf = (text: string): number | null => (/^[+-]?\d{1,12}$/.test(text) ? Number(text) : null)

const toHeader = (values: ReadonlyMap<Tag, Buffer>): Header => {
  const plain = (tag: Tag): string => trim(values.get(tag)?.toString('latin1') ?? '')
  const characterSet = plain(tags.characterSet)
  const text = (tag: Tag): string => {
    const value = values.get(tag)
    return value === undefined ? '' : trim(decodeText(value, characterSet))
  }
  const imageType = plain(tags.imageType)
  return {
    studyInstanceUid: plain(tags.studyInstanceUid),
    seriesInstanceUid: plain(tags.seriesInstanceUid),
    sopInstanceUid: plain(tags.sopInstanceUid),
    patientId: text(tags.patientId),
    accessionNumber: text(tags.accessionNumber),
    studyDate: plain(tags.studyDate),
    facts: {
      modality: plain(tags.modality),
      manufacturer: text(tags.manufacturer),
      seriesNumber: seriesNumberOf(plain(tags.seriesNumber)),
      seriesDescription: text(tags.seriesDescription),
      sopClassUid: plain(tags.sopClassUid),
      burnedInAnnotation: plain(tags.burnedInAnnotation),
      imageType: imageType === '' ? [] : imageType.split('\\').map(trim),
      conversionType: plain(tags.conversionType),
    },
  }
}

const readInto = async (window: ByteWindow, picked: Picked): Promise<FileMeta> => {
  const meta = await readFileMeta(window)
  await walk(window, meta.dataSetStart, window.size, meta.implicit, {
    element: pick(picked),
    item: () => undefined,
    itemEnd: () => undefined,
    sequenceEnd: () => undefined,
    fragmentsEnd: () => undefined,
  })
  // A writer that ran out of disk leaves a whole header and no pixels; type 1C in PS3.3 section C.7.6.3.
  if (imageTags.every((tag) => picked.seen.has(tag)) && !pixelTags.some((tag) => picked.seen.has(tag)))
    unreadable('it describes an image but holds no pixel data')
  return meta
}

/** Reads an instance and checks its whole structure. Throws `UnreadableStudy`. */
export const readInstance = async (window: ByteWindow): Promise<Instance> => {
  if (!(await hasPrefix(window))) unreadable('it is not a DICOM file')
  const picked: Picked = { values: new Map(), seen: new Set() }
  const meta = await readInto(window, picked)
  const raw = (tag: Tag): string => trim(picked.values.get(tag)?.toString('latin1') ?? '')
  // Several values, or several writings of a name, stand in kept texts one by one.
  const identifying = identifyingTags
    .flatMap((tag) => raw(tag).split(/[\\=]/))
    .map(trim)
    .filter((text) => text.length >= shortestIdentifying)
  return { ...meta, header: toHeader(picked.values), characterSet: raw(tags.characterSet), identifying }
}

const read = async (file: FileHandle): Promise<HeaderReading> => {
  const { size } = await file.stat()
  const window = makeByteWindow(file, size)
  if (!(await hasPrefix(window))) return { _tag: 'NotDicom' }
  const picked: Picked = { values: new Map(), seen: new Set() }
  try {
    await readInto(window, picked)
    return { _tag: 'Header', ...toHeader(picked.values) }
  } catch (caught) {
    if (!isUnreadable(caught)) throw caught
    return { _tag: 'Damaged', problem: caught.problem, studyInstanceUid: toHeader(picked.values).studyInstanceUid }
  }
}

/**
 * Reads what an index needs of a file, without its pixels: the whole structure is walked, lengths are held against the
 * size of the file. Rejects only with what the file system throws (missing, denied, failing disk).
 */
export const readHeader = async (path: string): Promise<HeaderReading> => {
  const file = await open(path, 'r')
  try {
    return await read(file)
  } finally {
    await file.close()
  }
}
