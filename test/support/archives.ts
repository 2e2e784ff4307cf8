import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { HeaderReading } from '../../adapters/folder/header-reader.js'
import type { MemoryImageArchive } from '../../adapters/memory/image-archive.js'
import { makeMemoryImageArchive } from '../../adapters/memory/image-archive.js'
import type { ImageArchive } from '../../ports/image-archive.js'
import type { ImageArchiveHarness, PlantedInstance } from '../contract/image-archive.js'

/** The in-memory archive as the contract wants it, possibly broken on purpose. */
export const startMemoryArchive = (
  spoil: (archive: MemoryImageArchive) => ImageArchive = (archive) => archive,
): Promise<ImageArchiveHarness> => {
  const archive = makeMemoryImageArchive()
  const planted: Array<PlantedInstance> = []
  const addStudy = (studyInstanceUid: string): void => {
    const members = planted.filter((each) => each.studyInstanceUid === studyInstanceUid)
    const byUid = new Map(members.map((each) => [each.sopInstanceUid, each]))
    archive.put('primary', {
      studyInstanceUid,
      owners: members,
      files: [...byUid.keys()].map((uid) => `/memory/${uid}`),
      problem: members.some((each) => byUid.get(each.sopInstanceUid)?.content !== each.content)
        ? 'two files hold the same instance with different content'
        : null,
    })
  }
  return Promise.resolve({
    archive: spoil(archive),
    put: (instances) => {
      planted.push(...instances)
      for (const uid of new Set(instances.map(({ studyInstanceUid }) => studyInstanceUid))) addStudy(uid)
      return Promise.resolve()
    },
    instanceUids: (raw) => Promise.resolve(raw.files.map((file) => file.reveal().replace('/memory/', ''))),
    wasAsked: () => Promise.resolve(archive.retrievals('primary') > 0),
    canHoldConflicts: true,
    stop: () => Promise.resolve(archive.setOutage('primary', true)),
    close: () => Promise.resolve(),
  })
}

const magic = 'DICM'

/** Writes a stand-in for a DICOM file: for tests of the index, which does not care how a header is encoded. */
export const writeStandIn = async (path: string, instance: PlantedInstance): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, magic + JSON.stringify(instance))
}

/** Reads what {@link writeStandIn} wrote; a file that stops short is damaged. */
export const readStandIn = async (path: string): Promise<HeaderReading> => {
  const text = await readFile(path, 'utf8')
  if (!text.startsWith(magic)) return { _tag: 'NotDicom' }
  try {
    return { _tag: 'Header', ...(JSON.parse(text.slice(magic.length)) as PlantedInstance) }
  } catch {
    const studyInstanceUid = /"studyInstanceUid":"([^"]+)"/.exec(text)?.[1] ?? ''
    return { _tag: 'Damaged', problem: 'it ends before its last element', studyInstanceUid }
  }
}
