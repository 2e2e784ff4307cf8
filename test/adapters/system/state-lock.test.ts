import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Interface } from 'node:readline'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { lockDirectory } from '../../../adapters/system/state-lock.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'

const racerFile = fileURLToPath(new URL('lock-racer.ts', import.meta.url))

interface Racer {
  readonly child: ChildProcess
  readonly ask: (line: string) => Promise<string>
}

describe('state lock', function () {
  this.timeout(60_000)
  const racers: Array<{ child: ChildProcess; lines: Interface }> = []
  const startRacer = (): Racer => {
    const child = spawn(process.execPath, ['--import', 'tsx', racerFile], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface(child.stdout!)
    racers.push({ child, lines })
    return {
      child,
      ask: async (line) => {
        const answer = once(lines, 'line') as Promise<[string]>
        child.stdin!.write(`${line}\n`)
        return (await answer)[0]
      },
    }
  }
  const kill = async (child: ChildProcess): Promise<void> => {
    const ended = once(child, 'exit')
    if (child.kill('SIGKILL')) await ended
  }
  afterEach(async () => {
    for (const { child, lines } of racers.splice(0)) {
      lines.close()
      if (child.exitCode === null && child.signalCode === null) await kill(child)
    }
    await removeTemporaryDirectories()
  })

  /** The pid of a process that has ended. */
  const deadPid = (): number => spawnSync('true').pid
  const me = { pid: process.pid, host: hostname(), began: '' }
  const plant = async (directory: string, text: string): Promise<void> => {
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'lock.4'), text)
  }

  it('lets one process work in a directory, and the next when it has given it back', async () => {
    const directory = join(await temporaryDirectory(), 'new')
    const racer = startRacer()
    expect(await racer.ask(`lock ${directory}`)).to.equal('Locked')
    const held = await lockDirectory(directory)
    expect(held).to.have.nested.property('holder.pid', racer.child.pid)
    await racer.ask('release')
    const lock = await lockDirectory(directory)
    expect(lock._tag).to.equal('Locked')
    expect(await racer.ask(`lock ${directory}`)).to.equal('HeldBy')
    expect((await stat(directory)).mode & 0o777).to.equal(0o700)
    for (const name of await readdir(directory))
      expect((await stat(join(directory, name))).mode & 0o777, name).to.equal(0o600)
  })

  it('keeps a second caller of the same process out', async () => {
    const directory = await temporaryDirectory()
    const locks = await Promise.all([1, 2, 3, 4].map(() => lockDirectory(directory)))
    expect(locks.map(({ _tag }) => _tag).sort()).to.deep.equal(['HeldBy', 'HeldBy', 'HeldBy', 'Locked'])
  })

  it('takes over the lock of a process that was killed', async () => {
    const directory = await temporaryDirectory()
    const racer = startRacer()
    await racer.ask(`lock ${directory}`)
    await kill(racer.child)
    expect((await lockDirectory(directory))._tag).to.equal('Locked')
    expect(await readdir(directory)).to.have.length(1)
  })

  it('gives a dead lock to one of four processes that find it at once, a hundred times over', async () => {
    const four = [startRacer(), startRacer(), startRacer(), startRacer()]
    const home = await temporaryDirectory()
    const dead = JSON.stringify({ ...me, pid: deadPid() })
    for (let round = 0; round < 100; round++) {
      const directory = join(home, String(round))
      await plant(directory, dead)
      const answers = await Promise.all(four.map(({ ask }) => ask(`lock ${directory}`)))
      expect(answers.sort(), `round ${round}`).to.deep.equal(['HeldBy', 'HeldBy', 'HeldBy', 'Locked'])
      await Promise.all(four.map(({ ask }) => ask('release')))
    }
  })

  it('takes over from a process whose pid another one has now', async function () {
    if ((await stat('/proc/self/stat').catch(() => null)) === null) this.skip()
    const directory = await temporaryDirectory()
    await plant(directory, JSON.stringify({ ...me, began: '1' }))
    expect((await lockDirectory(directory))._tag).to.equal('Locked')
  })

  it('leaves the lock of another machine alone', async () => {
    const directory = await temporaryDirectory()
    const holder = { pid: deadPid(), host: `not-${hostname()}`, began: '1' }
    await plant(directory, JSON.stringify(holder))
    expect(await lockDirectory(directory)).to.deep.equal({ _tag: 'HeldBy', holder })
  })

  for (const [what, text] of Object.entries({
    'an empty file': '',
    'half a file': '{"pid": 12',
    'a file of another program': '{"pid": "12"}',
    'a negative pid, which would name a group of processes': JSON.stringify({ ...me, pid: -1 }),
  }))
    it(`leaves a lock alone that is ${what}`, async () => {
      const directory = await temporaryDirectory()
      await plant(directory, text)
      expect(await lockDirectory(directory)).to.deep.equal({ _tag: 'HeldBy', holder: null })
    })

  it('removes what a process killed while locking has left', async () => {
    const directory = await temporaryDirectory()
    await plant(directory, '"free"')
    await writeFile(join(directory, 'lock-1234.partial'), '')
    await writeFile(join(directory, 'lock.2'), '"free"')
    expect((await lockDirectory(directory))._tag).to.equal('Locked')
    expect(await readdir(directory)).to.deep.equal(['lock.5'])
  })
})
