import { expect } from 'chai'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeLargeStudy } from '../../../adapters/synthetic/large-study.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'
import { complaints, requirePrograms } from './programs.js'
import { rehearse } from './rehearsal.js'

describe('large synthetic study', () => {
  afterEach(removeTemporaryDirectories)

  it('has about the size asked for and is exported whole', async () => {
    const directory = await temporaryDirectory()
    const study = await writeLargeStudy(directory, 40_000_000)
    const names = await readdir(study.images)
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(study.images, name))).size))
    expect(names).to.have.length(study.instances)
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.within(36_000_000, 45_000_000)
    const spool = join(directory, 'spool')
    await mkdir(spool)
    const index = join(directory, 'index', 'index.jsonl')
    const endings = await rehearse({ ...study, cohort: study.cohortCsv, index, spool })
    expect([...endings]).to.deep.equal([['lung-nodules', [null]]])
  })

  it('consists of valid images', async function () {
    requirePrograms(this, 'dcmdump', 'dciodvfy')
    const study = await writeLargeStudy(await temporaryDirectory(), 1)
    expect(await complaints(join(study.images, 'IM2'))).to.deep.equal([])
  })
})
