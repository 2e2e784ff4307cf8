import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeFolder } from '../../../adapters/system/make-folder.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

const codeOf = (task: Promise<unknown>): Promise<unknown> =>
  task.then(
    () => 'made',
    (caught: NodeJS.ErrnoException) => caught.code,
  )

describe('making a folder', () => {
  afterEach(removeTemporaryDirectories)

  it('makes it with its mode, and those it is in', async () => {
    const path = join(await temporaryDirectory(), 'a', 'b', 'c')
    await makeFolder(path, 0o700)
    expect((await stat(path)).mode & 0o777).to.equal(0o700)
  })

  it('leaves one that is there as it is', async () => {
    const path = join(await temporaryDirectory(), 'a')
    await mkdir(path, { mode: 0o750 })
    await makeFolder(path, 0o700)
    expect((await stat(path)).mode & 0o777).to.equal(0o750)
  })

  it('fails where a file is in the way', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')
    expect(await codeOf(makeFolder(join(file, 'below')))).to.equal('ENOTDIR')
  })

  it('ends where no folder can be made in one that is there', async function () {
    if ((await stat('/proc/self').catch(() => null)) === null) this.skip()
    expect(await codeOf(makeFolder('/proc/pixl/state'))).to.equal('ENOENT')
  })
})
