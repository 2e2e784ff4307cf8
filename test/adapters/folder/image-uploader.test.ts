import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { makeFolderImageUploader } from '../../../adapters/folder/image-uploader.js'
import { writeZip } from '../../../adapters/zip/write-zip.js'
import type { UploadError } from '../../../domain/errors.js'
import type { DeidentifiedStudy } from '../../../domain/study.js'
import type { ImageSource } from '../../../ports/image-source.js'
import type { ImageUploader } from '../../../ports/image-uploader.js'
import { verifyContract } from '../../contract/contract.js'
import { asStored, entriesOf } from '../../contract/image-studies.js'
import type { ImageUploaderHarness } from '../../contract/image-uploader.js'
import { imageUploaderContract } from '../../contract/image-uploader.js'
import { fail, succeed } from '../../contract/synthetic.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'
import { makeUploadSource } from '../../support/uploaders.js'

const endlessUpload = fileURLToPath(new URL('endless-upload.ts', import.meta.url))
const zipOf = (out: string, study: DeidentifiedStudy): string => join(out, study.project, `${study.pseudoStudyUid}.zip`)
const orNothing = <A>(reading: Promise<A>, nothing: A): Promise<A> => reading.catch(() => nothing)

const startFolderUploader = async (): Promise<ImageUploaderHarness> => {
  const home = await temporaryDirectory()
  const out = join(home, 'place-marker', 'out')
  await mkdir(join(out, '..'))
  const { imageSource, ...source } = makeUploadSource()
  return {
    ...source,
    uploader: makeFolderImageUploader({ out, imageSource }),
    received: async (study) => {
      const zip = await orNothing(readFile(zipOf(out, study)), null)
      return zip === null ? [] : asStored(entriesOf(zip))
    },
    visible: async () => {
      const names = await orNothing(readdir(out, { recursive: true }), [])
      return names.filter((name) => name.endsWith('.zip') || (!name.endsWith('.part') && name !== 'project-one'))
    },
    damage: (study) => writeFile(zipOf(out, study), 'half a zip'),
    plantLeftover: async (study, fence) => {
      const name = join(study.project, `.${study.pseudoStudyUid}.${fence}.part`)
      await mkdir(join(out, study.project), { recursive: true })
      await writeFile(join(out, name), 'half a zip')
      return name
    },
    takePart: null,
    fill: null,
    breakLogin: null,
    stop: () => rename(join(home, 'place-marker'), join(home, 'gone')),
    markers: ['place-marker', home],
    close: () => rm(home, { recursive: true, force: true }),
  }
}

verifyContract('folder ImageUploader', imageUploaderContract, startFolderUploader)

describe('folder uploader', () => {
  const agreed: TE.TaskEither<UploadError, void> = TE.right(undefined)
  let out: string
  let source: ReturnType<typeof makeUploadSource>
  let uploader: ImageUploader
  afterEach(removeTemporaryDirectories)
  beforeEach(async () => {
    out = await temporaryDirectory()
    source = makeUploadSource()
    uploader = makeFolderImageUploader({ out, imageSource: source.imageSource })
  })

  it('does not touch the file that readers see when the study is there already', async () => {
    const { study } = source.first
    await succeed(uploader.upload(study, 1, agreed))
    const before = await stat(zipOf(out, study), { bigint: true })
    expect((await succeed(uploader.upload(study, 2, agreed)))._tag).to.equal('alreadyPresent')
    const after = await stat(zipOf(out, study), { bigint: true })
    expect([after.ino, after.ctimeNs]).to.deep.equal([before.ino, before.ctimeNs])
  })

  it('gives the delivered tree to readers, as far as the umask lets it', async () => {
    await rm(out, { recursive: true })
    const before = process.umask(0o022)
    try {
      await succeed(uploader.upload(source.first.study, 1, agreed))
    } finally {
      process.umask(before)
    }
    const modes = await Promise.all(
      [out, join(out, 'project-one'), zipOf(out, source.first.study)].map(
        async (path) => (await stat(path)).mode & 0o777,
      ),
    )
    expect(modes).to.deep.equal([0o755, 0o755, 0o644])
  })

  it('goes on where a killed worker stopped, also one of the same fence', async () => {
    const { study } = source.first
    await mkdir(join(out, study.project))
    for (const fence of [3, 7, 600]) {
      await writeFile(join(out, study.project, `.${study.pseudoStudyUid}.${fence}.part`), 'half')
    }
    await writeFile(join(out, study.project, `.${study.pseudoStudyUid}.x.part`), 'not ours')
    await succeed(uploader.upload(study, 7, agreed))
    expect(await succeed(uploader.leftovers(study.project))).to.deep.equal(
      ['600', 'x'].map((fence) => `${study.project}/.${study.pseudoStudyUid}.${fence}.part`),
    )
    await succeed(uploader.upload(study, 601, agreed))
    expect(await succeed(uploader.leftovers(study.project))).to.have.length(1)
  })

  it('leaves a part and nothing else when its process is killed, and the next claim cleans up', async () => {
    const { study } = source.first
    const child = spawn(process.execPath, ['--import', 'tsx', endlessUpload, out, JSON.stringify(study)], {
      stdio: 'ignore',
    })
    const part = join(out, study.project, `.${study.pseudoStudyUid}.1.part`)
    const written = (): Promise<number> =>
      orNothing(
        stat(part).then(({ size }) => size),
        0,
      )
    // Killed once it is well under way: there is no other sign of that than the size of its part.
    while ((await written()) < 3_000_000 && child.exitCode === null) await wait(20)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readdir(join(out, study.project))).to.deep.equal([`.${study.pseudoStudyUid}.1.part`])
    expect((await succeed(uploader.upload(study, 2, agreed)))._tag).to.equal('stored')
    expect(await readdir(join(out, study.project))).to.deep.equal([`${study.pseudoStudyUid}.zip`])
  })

  it('takes a whole zip with instances missing for a broken source', async () => {
    const { study } = source.first
    const short: ImageSource = {
      ...source.imageSource,
      openArchive: () => TE.right(writeZip([{ name: '1/1.dcm', bytes: 0, open: async function* () {} }])),
    }
    const error = await fail(makeFolderImageUploader({ out, imageSource: short }).upload(study, 1, agreed))
    expect(error).to.deep.equal({ _tag: 'Unavailable', port: 'ImageSource', cause: { name: 'IncompleteArchive' } })
    expect(await readdir(join(out, study.project))).to.deep.equal([])
  })

  it('blames the source, not the destination, when the source breaks', async () => {
    source.cutSource({ afterBytes: 100, how: 'throws' })
    expect(await fail(uploader.upload(source.first.study, 1, agreed))).to.deep.include({ port: 'ImageSource' })
  })

  it('calls a folder or a link under the final name a conflict', async () => {
    const { study } = source.first
    await mkdir(zipOf(out, study), { recursive: true })
    expect(await fail(uploader.upload(study, 1, agreed))).to.deep.include({ reason: 'conflict' })
    await rm(zipOf(out, study), { recursive: true })
    const elsewhere = join(await temporaryDirectory(), 'elsewhere')
    await writeFile(elsewhere, 'untouched')
    await symlink(elsewhere, zipOf(out, study))
    expect(await fail(uploader.upload(study, 1, agreed))).to.deep.include({ reason: 'conflict' })
    expect(await readFile(elsewhere, 'utf8')).to.equal('untouched')
  })

  it('does not make a destination whose parent is missing', async () => {
    await rm(out, { recursive: true })
    const lost = makeFolderImageUploader({ out: join(out, 'deeper'), imageSource: source.imageSource })
    for (const task of [lost.probe, lost.upload(source.first.study, 1, agreed)]) {
      expect(await fail<UploadError, unknown>(task)).to.deep.include({ cause: { name: 'Error', code: 'ENOENT' } })
    }
  })

  it('leaves nothing of a probe behind', async () => {
    await succeed(uploader.probe)
    expect(await readdir(out)).to.deep.equal([])
  })

  const run = promisify(execFile)
  /** Mounts a small disk in memory; only root may, and not in every container. */
  const mount = (options: string): Promise<boolean> =>
    run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', out]).then(
      () => true,
      () => false,
    )
  const unmount = (): Promise<unknown> => run('umount', ['-l', out])

  it('calls a destination that may not be written unavailable', async function () {
    const isRoot = process.getuid?.() === 0
    if (isRoot && !(await mount('ro'))) return this.skip()
    if (!isRoot) await chmod(out, 0o500)
    try {
      for (const task of [uploader.probe, uploader.upload(source.first.study, 1, agreed)]) {
        const code = isRoot ? 'EROFS' : 'EACCES'
        expect(await fail<UploadError, unknown>(task)).to.deep.include({ cause: { name: 'Error', code } })
      }
    } finally {
      if (isRoot) await unmount()
      else await chmod(out, 0o700)
    }
  })

  it('says quota when the disk is full, cleans up, and goes on once there is space', async function () {
    if (!(await mount('size=1m'))) return this.skip()
    try {
      await succeed(uploader.upload(source.first.study, 1, agreed))
      const filler = join(out, 'filler')
      await writeFile(filler, Buffer.alloc(400_000))
      const quota = { _tag: 'UploadRejected', study: source.second.study.pseudoStudyUid, reason: 'quota' }
      expect(await fail(uploader.upload(source.second.study, 1, agreed))).to.deep.equal(quota)
      expect(await succeed(uploader.leftovers(source.second.study.project))).to.deep.equal([])
      expect((await succeed(uploader.upload(source.first.study, 2, agreed)))._tag).to.equal('alreadyPresent')
      await writeFile(join(out, 'rest'), Buffer.alloc(1_000_000)).catch(() => undefined)
      expect(await fail(uploader.probe)).to.deep.equal({ ...quota, study: null })
      await rm(join(out, 'rest'))
      await rm(filler)
      await succeed(uploader.probe)
      expect((await succeed(uploader.upload(source.second.study, 2, agreed)))._tag).to.equal('stored')
    } finally {
      await unmount()
    }
  })
})
