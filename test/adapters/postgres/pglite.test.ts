import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { create } from 'tar'
import { openPglite, prepareDataDirectory } from '../../../adapters/postgres/pglite.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

const moduleFile = fileURLToPath(new URL('../../../adapters/postgres/pglite.ts', import.meta.url))
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

describe('data directory of PGlite', function () {
  this.timeout(120_000)
  afterEach(removeTemporaryDirectories)

  /** A packed directory: what is in it is not looked at before it is opened. */
  const pack = async (home: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> => {
    const content = join(home, 'content')
    await mkdir(content)
    for (const [name, text] of Object.entries(files)) await writeFile(join(content, name), text)
    const file = join(home, 'snapshot.tgz')
    await create({ gzip: true, file, cwd: content, portable: true }, ['.'])
    return file
  }

  it('is unpacked from the snapshot, for its owner alone, and found the second time', async () => {
    const home = await temporaryDirectory()
    const snapshot = await pack(home, { PG_VERSION: '18\n' })
    const directory = join(home, 'database')
    const before = process.umask(0)
    try {
      expect(await prepareDataDirectory(directory, snapshot)).to.equal('ready')
    } finally {
      process.umask(before)
    }
    expect(await modeOf(directory)).to.equal(0o700)
    await writeFile(join(directory, 'ours'), '')
    expect(await prepareDataDirectory(directory, snapshot)).to.equal('ready')
    expect(await readdir(directory)).to.have.members(['PG_VERSION', 'ours'])
  })

  it('is made by PGlite itself where there is no snapshot', async () => {
    const home = await temporaryDirectory()
    const directory = join(home, 'database')
    expect(await prepareDataDirectory(directory, join(home, 'missing.tgz'))).to.equal('ready')
    expect(await modeOf(directory)).to.equal(0o700)
    expect(await readdir(home)).to.deep.equal(['database'])
    const knex = await openPglite(directory)
    try {
      expect(await knex.raw('select 1 as one')).to.have.deep.property('rows', [{ one: 1 }])
    } finally {
      await knex.destroy()
    }
  })

  it('is there whole or not at all when a first start is killed', async () => {
    const home = await temporaryDirectory()
    const many = Array.from({ length: 3000 }, (_, n) => [`file-${n}`, 'x'] as const)
    const snapshot = await pack(home, { ...Object.fromEntries(many), PG_VERSION: '18\n' })
    const directory = join(home, 'database')
    const code = `import(process.argv[1]).then((m) => m.prepareDataDirectory(process.argv[2], process.argv[3]))`
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', code, moduleFile, directory, snapshot])
    const ended = once(child, 'exit')
    // Killed once the first files are there; the rest is still to come.
    while ((await readdir(`${directory}.partial`).catch(() => [])).length === 0 && child.exitCode === null)
      await wait(1)
    child.kill('SIGKILL')
    await ended
    expect(await stat(directory).catch(() => null)).to.equal(null)
    expect(await prepareDataDirectory(directory, snapshot)).to.equal('ready')
    expect(await readdir(directory)).to.have.length(3001)
    expect(await readdir(home)).to.not.include('database.partial')
  })

  it('is newer when a PostgreSQL of another version wrote it', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'PG_VERSION'), '19\n')
    expect(await prepareDataDirectory(directory)).to.equal('newer')
  })

  it('is damaged when it does not say its version, and is left as it is', async () => {
    for (const text of [null, '', '\u0000\u0000\u0000', 'eighteen']) {
      const directory = await temporaryDirectory()
      await writeFile(join(directory, 'base'), 'of a database')
      if (text !== null) await writeFile(join(directory, 'PG_VERSION'), text)
      expect(await prepareDataDirectory(directory), String(text)).to.equal('damaged')
      expect(await readdir(directory)).to.include('base')
    }
  })
})
