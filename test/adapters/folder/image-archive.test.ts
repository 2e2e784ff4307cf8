import {
  access,
  appendFile,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import type { FolderImageArchive } from '../../../adapters/folder/image-archive.js'
import { makeFolderImageArchive } from '../../../adapters/folder/image-archive.js'
import type { ReadHeader } from '../../../adapters/folder/header-reader.js'
import { readHeader as readDicomHeader } from '../../../adapters/dicom/header.js'
import { sensitive, sensitiveOrNull } from '../../../domain/sensitive.js'
import type { StudyRequest } from '../../../domain/study.js'
import { verifyContract } from '../../contract/contract.js'
import type { ImageArchiveHarness, PlantedInstance } from '../../contract/image-archive.js'
import { imageArchiveContract } from '../../contract/image-archive.js'
import { fail, succeed, syntheticRequest } from '../../contract/synthetic.js'
import { readStandIn, writeStandIn } from '../../support/archives.js'
import { dicomFile, el } from '../../support/dicom.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

const startFolderArchive = async (): Promise<ImageArchiveHarness> => {
  const home = await temporaryDirectory()
  const images = join(home, 'images')
  const index = join(home, 'state', 'index')
  await mkdir(images)
  let files = 0
  return {
    archive: makeFolderImageArchive({ images, index, readHeader: readStandIn }),
    put: async (instances) => {
      for (const instance of instances) {
        files += 1
        await writeStandIn(join(images, `folder ${files % 3}`, 'deeper', `file ${files}`), instance)
      }
    },
    instanceUids: (raw) =>
      Promise.all(
        raw.files.map(async (file) => {
          const reading = await readStandIn(file.reveal())
          return reading._tag === 'Header' ? reading.sopInstanceUid : reading._tag
        }),
      ),
    wasAsked: () =>
      access(index).then(
        () => true,
        () => false,
      ),
    canHoldConflicts: true,
    stop: () => rename(images, join(home, 'gone')),
    close: () => rm(home, { recursive: true, force: true }),
  }
}

verifyContract('folder ImageArchive', imageArchiveContract, startFolderArchive)

describe('folder archive', () => {
  let images: string
  let index: string
  let headersRead: number
  afterEach(removeTemporaryDirectories)
  beforeEach(async () => {
    const home = await realpath(await temporaryDirectory())
    images = join(home, 'images')
    index = join(home, 'state', 'deeper', 'index')
    await mkdir(images)
    headersRead = 0
  })

  const readHeader: ReadHeader = (path) => {
    headersRead += 1
    return readStandIn(path)
  }
  const open = (): FolderImageArchive => makeFolderImageArchive({ images, index, readHeader })
  const instance = (study: number, n: number): PlantedInstance => ({
    studyInstanceUid: `1.2.${study}`,
    sopInstanceUid: `1.2.${study}.0.${n}`,
    patientId: `MRN${study}`,
    accessionNumber: `ACC${study}`,
    content: 'pixels',
  })
  const put = (path: string, study: number, n: number): Promise<void> =>
    writeStandIn(join(images, path), instance(study, n))
  const asking = (study: number): StudyRequest => ({
    ...syntheticRequest(1),
    mrn: null,
    accessionNumber: null,
    studyInstanceUid: sensitiveOrNull(`1.2.${study}`),
  })
  const filesOf = async (archive: FolderImageArchive, study: number): Promise<ReadonlyArray<string>> =>
    (await succeed(archive.retrieve('primary', asking(study)))).files.map((file) => file.reveal())
  const errorOf = (archive: FolderImageArchive, study: number) => fail(archive.retrieve('primary', asking(study)))
  /** File times tick every few milliseconds: two changes within one tick look like one. */
  const tick = (): Promise<void> => wait(20)

  it('counts files, studies, what is not DICOM and what is damaged', async () => {
    await put('a/1', 1, 1)
    await put('b/c/1.dcm', 1, 2)
    await put('2', 2, 1)
    await put('cut', 3, 1)
    await truncate(join(images, 'cut'), 60)
    await put('cut early', 4, 1)
    await truncate(join(images, 'cut early'), 6)
    await writeFile(join(images, 'a', 'notes.txt'), 'not an image')
    await writeFile(join(images, 'empty'), '')
    expect(await succeed(open().scan)).to.deep.equal({ files: 7, studies: 3, notDicom: 2, damaged: 2, unreadable: 0 })
  })

  it('reads real DICOM files with the header reader of the de-identifier', async () => {
    const file = (n: number): Buffer =>
      dicomFile([
        el(0x00080018, 'UI', `1.2.1.0.${n}`),
        el(0x00080050, 'SH', 'ACC1 '),
        el(0x00100020, 'LO', ' MRN1'),
        el(0x0020000d, 'UI', '1.2.1'),
        el(0x0020000e, 'UI', '1.2.1.0'),
      ])
    await writeFile(join(images, 'one'), file(1))
    await writeFile(join(images, 'two'), file(2))
    await writeFile(join(images, 'cut'), file(3).subarray(0, -3))
    await writeFile(join(images, 'text'), 'not DICOM')
    const archive = makeFolderImageArchive({ images, index, readHeader: readDicomHeader })
    expect(await succeed(archive.scan)).to.deep.equal({ files: 4, studies: 1, notDicom: 1, damaged: 1, unreadable: 0 })
    expect((await errorOf(archive, 1))._tag).to.equal('UnreadableStudy')
    await rm(join(images, 'cut'))
    const byNumbers = {
      ...asking(9),
      mrn: sensitiveOrNull<'Mrn'>('MRN1'),
      accessionNumber: sensitive<'AccessionNumber'>('ACC1'),
    }
    expect((await succeed(archive.retrieve('primary', byNumbers))).files).to.have.length(2)
  })

  it('takes a study that is split over folders for one study, in the order of its paths', async () => {
    await put('b/1', 1, 1)
    await put('a/b/c/2', 1, 2)
    await put('3', 1, 3)
    expect(await filesOf(open(), 1)).to.deep.equal([join(images, '3'), join(images, 'a/b/c/2'), join(images, 'b/1')])
  })

  it('reads no header again after a restart when nothing changed', async () => {
    for (let n = 0; n < 20; n++) await put(`${n}`, n, 1)
    await filesOf(open(), 1)
    expect(headersRead).to.equal(20)
    await filesOf(open(), 2)
    expect(headersRead).to.equal(20)
  })

  it('notices changed, new and removed files after a restart and reads only those', async () => {
    for (let n = 1; n <= 5; n++) await put(`${n}`, n, 1)
    await succeed(open().scan)
    headersRead = 0
    await tick()
    await put('2', 12, 1)
    await put('6', 6, 1)
    await rm(join(images, '3'))
    const archive = open()
    expect(await succeed(archive.scan)).to.include({ files: 5, studies: 5 })
    expect(headersRead).to.equal(2)
    expect(await filesOf(archive, 12)).to.deep.equal([join(images, '2')])
    expect((await errorOf(archive, 3))._tag).to.equal('StudyNotInArchive')
    expect((await errorOf(archive, 2))._tag).to.equal('StudyNotInArchive')
  })

  it('notices a file that is exchanged for one of equal size and time', async () => {
    await put('1', 1, 1)
    const { atime, mtime } = await stat(join(images, '1'))
    await succeed(open().scan)
    await put('beside', 2, 1)
    await rename(join(images, 'beside'), join(images, '1'))
    await utimes(join(images, '1'), atime, mtime)
    expect(await filesOf(open(), 2)).to.have.length(1)
  })

  it('finds, while it runs, a study that came later and instances that joined one', async () => {
    await put('a/1', 1, 1)
    const archive = open()
    expect((await errorOf(archive, 2))._tag).to.equal('StudyNotInArchive')
    await tick()
    await put('b/1', 2, 1)
    expect(await filesOf(archive, 2)).to.have.length(1)
    await tick()
    await put('b/2', 2, 2)
    expect(await filesOf(archive, 2)).to.have.length(2)
  })

  it('forgets, while it runs, files that are gone and follows those that moved', async () => {
    await put('a/1', 1, 1)
    await put('a/2', 1, 2)
    const archive = open()
    expect(await filesOf(archive, 1)).to.have.length(2)
    await rm(join(images, 'a/1'))
    await rename(join(images, 'a/2'), join(images, 'moved'))
    expect(await filesOf(archive, 1)).to.deep.equal([join(images, 'moved')])
  })

  it('refuses a study with a damaged file and takes it once the file is repaired', async () => {
    await put('1', 1, 1)
    await put('2', 1, 2)
    const whole = await readFile(join(images, '2'))
    await truncate(join(images, '2'), 60)
    const archive = open()
    expect(await errorOf(archive, 1)).to.deep.equal({
      _tag: 'UnreadableStudy',
      problem: 'it ends before its last element',
    })
    await writeFile(join(images, '2'), whole)
    expect(await filesOf(archive, 1)).to.have.length(2)
  })

  it('lets the other studies through when a damaged file does not tell its study', async () => {
    await put('1', 1, 1)
    await put('2', 1, 2)
    await truncate(join(images, '2'), 6)
    const archive = open()
    expect(await filesOf(archive, 1)).to.have.length(1)
    expect(await succeed(archive.scan)).to.include({ damaged: 1 })
  })

  it('counts a file that names no instance as damaged', async () => {
    await writeStandIn(join(images, '1'), { ...instance(1, 1), sopInstanceUid: '' })
    await put('2', 1, 2)
    const archive = open()
    expect(await succeed(archive.scan)).to.include({ damaged: 1 })
    expect((await errorOf(archive, 1))._tag).to.equal('UnreadableStudy')
  })

  it('passes over a DICOMDIR, which names neither study nor instance', async () => {
    await put('1', 1, 1)
    const directory = [el(0x00041130, 'CS', 'EXPORT'), el(0x00041212, 'US', [0])]
    await writeFile(join(images, 'DICOMDIR'), dicomFile(directory))
    const archive = makeFolderImageArchive({
      images,
      index,
      readHeader: (path) => (path.endsWith('DICOMDIR') ? readDicomHeader(path) : readStandIn(path)),
    })
    expect(await succeed(archive.scan)).to.include({ studies: 1, notDicom: 1, damaged: 0 })
  })

  it('follows no symbolic link: neither out of the tree nor round in circles', async () => {
    const outside = await temporaryDirectory()
    await writeStandIn(join(outside, 'secret'), instance(9, 1))
    await put('a/1', 1, 1)
    await symlink(images, join(images, 'a', 'loop'))
    await symlink(join(images, 'a', '1'), join(images, 'again'))
    await symlink(outside, join(images, 'out'))
    await symlink(join(outside, 'secret'), join(images, 'out-file'))
    await symlink(join(images, 'nowhere'), join(images, 'dangling'))
    const archive = open()
    expect(await succeed(archive.scan)).to.include({ files: 1, studies: 1 })
    expect((await errorOf(archive, 9))._tag).to.equal('StudyNotInArchive')
  })

  it('takes a root that is itself a symbolic link', async () => {
    await put('1', 1, 1)
    const link = join(await temporaryDirectory(), 'link')
    await symlink(images, link)
    const archive = makeFolderImageArchive({ images: link, index, readHeader })
    expect(await filesOf(archive, 1)).to.have.length(1)
  })

  it('keeps the index where only its owner can read it, and leaves nothing beside it', async () => {
    await put('1', 1, 1)
    await succeed(open().scan)
    expect((await stat(index)).mode & 0o777).to.equal(0o600)
    expect((await stat(join(index, '..'))).mode & 0o777).to.equal(0o700)
    await writeFile(`${index}.part`, 'left by a process that died')
    await put('2', 2, 1)
    await succeed(open().scan)
    await access(`${index}.part`).then(
      () => expect.fail('the part is still there'),
      () => undefined,
    )
  })

  it('makes a damaged, unfinished, foreign or older index again', async () => {
    for (let n = 1; n <= 3; n++) await put(`${n}`, n, 1)
    await succeed(open().scan)
    const whole = await readFile(index, 'utf8')
    const lines = whole.trimEnd().split('\n')
    const spoilt = [
      '',
      'not an index',
      whole.slice(0, -20),
      lines.slice(0, -1).join('\n'),
      whole.replace('index 1', 'index 0'),
      whole.replace(images, '/elsewhere'),
      whole.replace('"header"', '7'),
      whole.replace('"header"', '"unknown"'),
      `${whole}["extra","1","other"]\n`,
      '\u0000'.repeat(whole.length),
    ]
    for (const text of spoilt) {
      await writeFile(index, text)
      headersRead = 0
      expect(await filesOf(open(), 2)).to.have.length(1)
      expect(headersRead, JSON.stringify(text.slice(0, 80))).to.equal(3)
      expect(await readFile(index, 'utf8')).to.have.length(whole.length)
    }
  })

  it('calls a missing folder, a file in its place and a folder that lost everything unavailable', async () => {
    await put('a/1', 1, 1)
    const archive = open()
    await succeed(archive.scan)
    await rm(join(images, 'a'), { recursive: true })
    expect(await errorOf(archive, 1)).to.deep.include({ _tag: 'Unavailable', cause: { name: 'FolderIsEmptyNow' } })
    expect((await fail(open().scan))._tag).to.equal('Unavailable')
    await rm(images, { recursive: true })
    expect(await errorOf(archive, 1)).to.deep.include({ _tag: 'Unavailable', cause: { name: 'Error', code: 'ENOENT' } })
    await writeFile(images, 'a file')
    expect((await errorOf(archive, 1))._tag).to.equal('Unavailable')
    expect((await fail(archive.probe('primary')))._tag).to.equal('Unavailable')
  })

  it('does not call a study absent while there are files it may not read', async () => {
    await put('1', 1, 1)
    await put('2', 2, 1)
    let isDenied = true
    const archive = makeFolderImageArchive({
      images,
      index,
      readHeader: (path) =>
        isDenied && path.endsWith('2')
          ? Promise.reject(Object.assign(new Error(path), { code: 'EACCES' }))
          : readStandIn(path),
    })
    expect(await succeed(archive.scan)).to.include({ files: 2, studies: 1, unreadable: 1 })
    expect(await filesOf(archive, 1)).to.have.length(1)
    expect((await errorOf(archive, 2))._tag).to.equal('Unavailable')
    isDenied = false
    expect(await filesOf(archive, 2)).to.have.length(1)
  })

  it('waits for a study that is still being written', async () => {
    await put('1', 1, 1)
    const archive = makeFolderImageArchive({
      images,
      index,
      readHeader: async (path) => {
        const reading = await readStandIn(path)
        await appendFile(path, ' ')
        return reading
      },
    })
    expect(await errorOf(archive, 1)).to.deep.include({ _tag: 'Unavailable', cause: { name: 'FilesAreChanging' } })
  })

  it('scans once for many requests that come at the same time', async () => {
    for (let n = 0; n < 30; n++) await put(`${n}`, n, 1)
    const archive = open()
    const found = await Promise.all(Array.from({ length: 30 }, (_, n) => filesOf(archive, n)))
    expect(found.flat()).to.have.length(30)
    expect(headersRead).to.equal(30)
  })
})
