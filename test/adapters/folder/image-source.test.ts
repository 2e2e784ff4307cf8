import { access, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeFolderImageSource } from '../../../adapters/folder/image-source.js'
import { verifyContract } from '../../contract/contract.js'
import type { ImageSourceHarness } from '../../contract/image-source.js'
import { imageSourceContract } from '../../contract/image-source.js'
import type { SyntheticStudy } from '../../contract/image-studies.js'
import { syntheticStudy } from '../../contract/image-studies.js'
import { fail, succeed } from '../../contract/synthetic.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

/** Writes a study as the de-identifier does. */
const spoolStudy = async (spool: string, { study, instances }: SyntheticStudy): Promise<void> => {
  const folder = join(spool, study.ref.location)
  for (const { name, bytes } of instances) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), bytes)
  }
  const { project, pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes } = study
  await writeFile(
    join(folder, 'study.json'),
    JSON.stringify({ project, pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes }),
  )
}

const startFolderSource = async (): Promise<ImageSourceHarness> => {
  const home = await temporaryDirectory()
  const spool = join(home, 'spool-marker')
  const first = syntheticStudy(1)
  const second = syntheticStudy(2)
  for (const each of [first, second]) await spoolStudy(spool, each)
  const lastOf = (location: string): string =>
    join(spool, location, [first, second].find(({ study }) => study.ref.location === location)!.instances.at(-1)!.name)
  return {
    source: makeFolderImageSource(spool),
    first,
    second,
    loseInstance: ({ location }) => rm(lastOf(location)),
    breakStreams: ({ location }) => truncate(lastOf(location), 100_000),
    stop: () => rename(spool, join(home, 'gone')),
    markers: ['spool-marker', home],
    close: () => rm(home, { recursive: true, force: true }),
  }
}

verifyContract('folder ImageSource', imageSourceContract, startFolderSource)

describe('folder source', () => {
  const one = syntheticStudy(1)
  let spool: string
  let folder: string
  afterEach(removeTemporaryDirectories)
  beforeEach(async () => {
    spool = await temporaryDirectory()
    folder = join(spool, one.study.ref.location)
    await spoolStudy(spool, one)
  })
  const answer = async (): Promise<string> => (await fail(makeFolderImageSource(spool).describe(one.study.ref)))._tag

  const spoilt: ReadonlyArray<readonly [what: string, spoil: () => Promise<unknown>]> = [
    ['has no study.json', () => rm(join(folder, 'study.json'))],
    ['has an empty study.json', () => truncate(join(folder, 'study.json'), 0)],
    ['has a study.json of another form', () => writeFile(join(folder, 'study.json'), '{"project":7}')],
    ['has a shorter instance', () => truncate(join(folder, one.instances[0]!.name), 5)],
    ['has an instance too many', () => writeFile(join(folder, one.instances[0]!.name, '../1.2.dcm'), '')],
    ['has a file that is no instance', () => writeFile(join(folder, 'notes.txt'), '')],
    ['has a series without instances', () => mkdir(join(folder, '1.2.3'))],
    ['is a file', async () => [await rm(folder, { recursive: true }), await writeFile(folder, '')]],
    ['is a link out of the spool', async () => [await rename(folder, `${spool}/real`), await symlink('real', folder)]],
    [
      'has an instance that is a link',
      async () => {
        const path = join(folder, one.instances[0]!.name)
        await rename(path, join(spool, 'elsewhere'))
        await symlink(join(spool, 'elsewhere'), path)
      },
    ],
  ]
  for (const [what, spoil] of spoilt) {
    it(`does not find a study whose folder ${what}`, async () => {
      await spoil()
      expect(await answer()).to.equal('StudyNotFound')
    })
  }

  it('does not find a study that is still being written under its partial name', async () => {
    const partial = `.${one.study.ref.location}.partial`
    await rename(folder, join(spool, partial))
    const ref = { ...one.study.ref, location: partial }
    expect((await fail(makeFolderImageSource(spool).describe(ref)))._tag).to.equal('StudyNotFound')
  })

  it('removes the whole folder of a discarded study', async () => {
    await succeed(makeFolderImageSource(spool).discard(one.study.ref))
    expect(await access(folder).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT')
  })
})
