import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeFileSecretStore } from '../../../adapters/files/secret-store.js'
import { known, SecretName } from '../../../domain/identifiers.js'
import { sensitive } from '../../../domain/sensitive.js'
import { verifyContract } from '../../contract/contract.js'
import type { SecretStoreHarness } from '../../contract/secret-store.js'
import { secretStoreContract } from '../../contract/secret-store.js'

const startFileHarness = async (): Promise<SecretStoreHarness> => {
  const root = await mkdtemp(join(tmpdir(), 'pixl-secrets-'))
  const directory = join(root, 'secrets')
  await mkdir(directory, { mode: 0o700 })
  return {
    store: makeFileSecretStore(directory),
    writable: true,
    put: (name, value) => writeFile(join(directory, name), value, { mode: 0o600 }),
    forbid: (name) => chmod(join(directory, name), 0),
    stopStore: () => rename(directory, join(root, 'unmounted')),
    close: () => rm(root, { recursive: true, force: true }),
  }
}

verifyContract('file SecretStore', secretStoreContract, startFileHarness)

describe('file SecretStore', () => {
  const name = known(SecretName, 'installation-key')
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pixl-secrets-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const answer = async (): Promise<string> => {
    const result = await makeFileSecretStore(directory).read(name)()
    return E.isRight(result) ? result.right.reveal() : result.left._tag
  }
  const create = (value: string) => makeFileSecretStore(directory).createIfAbsent(name, () => sensitive(value))()

  it('drops one line break at the end, of either kind, and no more', async () => {
    const endings: ReadonlyArray<readonly [text: string, value: string]> = [
      ['value\n', 'value'],
      ['value\r\n', 'value'],
      ['value\n\n', 'value\n'],
      ['\n', ''],
    ]
    for (const [text, value] of endings) {
      await writeFile(join(directory, name), text)
      expect(await answer()).to.equal(value)
    }
  })

  it('makes a file that only its owner may read, and leaves nothing beside it', async () => {
    await create('value')
    expect((await stat(join(directory, name))).mode & 0o777).to.equal(0o600)
    expect(await readdir(directory)).to.deep.equal([name])
    expect(await readFile(join(directory, name), 'utf8')).to.equal('value')
  })

  it('removes what a killed maker left, and does not take it for a secret', async () => {
    await writeFile(join(directory, `.${name}.tmp.killed`), 'half a sec')
    expect(await answer()).to.equal('SecretNotFound')
    await create('value')
    expect(await readdir(directory)).to.deep.equal([name])
    await writeFile(join(directory, `.${name}.tmp.killed-later`), 'value')
    await create('other')
    expect(await readdir(directory)).to.deep.equal([name])
    expect(await answer()).to.equal('value')
  })

  it('leaves temporary files of another secret alone', async () => {
    await writeFile(join(directory, `.${name}-2.tmp.alive`), 'value')
    await create('value')
    expect(await readdir(directory)).to.have.members([name, `.${name}-2.tmp.alive`])
  })

  it('makes no directory: a missing one is a store that does not answer', async () => {
    await rm(directory, { recursive: true })
    expect(E.isLeft(await create('value'))).to.equal(true)
    expect(await readdir(directory).catch((caught: NodeJS.ErrnoException) => caught.code)).to.equal('ENOENT')
  })

  it('denies a directory, a device and a pipe in place of the file, without hanging', async () => {
    await mkdir(join(directory, name))
    expect(await answer()).to.equal('SecretAccessDenied')
    await rm(join(directory, name), { recursive: true })
    await symlink('/dev/zero', join(directory, name))
    expect(await answer()).to.equal('SecretAccessDenied')
    await rm(join(directory, name))
    expect(spawnSync('mkfifo', [join(directory, name)]).status).to.equal(0)
    expect(await answer()).to.equal('SecretAccessDenied')
    expect(E.isLeft(await create('value'))).to.equal(true)
  })

  it('reads a secret through links, as Kubernetes mounts them', async () => {
    await mkdir(join(directory, '..data'))
    await writeFile(join(directory, '..data', name), 'value', { mode: 0o644 })
    await symlink(join('..data', name), join(directory, name))
    expect(await answer()).to.equal('value')
  })

  it('answers Unavailable for a link that leads round in a circle, text that is not UTF-8 and a huge file', async () => {
    await symlink(name, join(directory, name))
    expect(await answer()).to.equal('Unavailable')
    await rm(join(directory, name))
    await writeFile(join(directory, name), Buffer.from([0xff, 0xfe, 0x41]))
    expect(await answer()).to.equal('Unavailable')
    await writeFile(join(directory, name), Buffer.alloc(65 * 1024, 'x'))
    expect(await answer()).to.equal('Unavailable')
  })

  it('has one winner over several processes, and never half a secret, though some are killed', async () => {
    const script = `
      import { makeFileSecretStore } from ${JSON.stringify(new URL('../../../adapters/files/secret-store.ts', import.meta.url).href)}
      import { sensitive } from ${JSON.stringify(new URL('../../../domain/sensitive.ts', import.meta.url).href)}
      process.stdout.write('ready')
      process.stdin.once('data', async () => {
        const made = await makeFileSecretStore(process.argv[1]).createIfAbsent('installation-key', () => sensitive(process.argv[2].repeat(1000)))()
        process.stdout.write(made._tag === 'Right' ? ':' + made.right.reveal()[0] : ':' + made.left._tag)
        process.exit(0)
      })`
    const makers = [...'abcd'].map((letter) => {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', script, directory, letter],
        {
          stdio: ['pipe', 'pipe', 'ignore'],
        },
      )
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      child.stdin.on('error', () => undefined)
      return { child, output: () => output }
    })
    await Promise.all(makers.map(({ child }) => once(child.stdout, 'data')))
    const ended = makers.map(({ child }) => once(child, 'close'))
    for (const { child } of makers) child.stdin.end('go')
    makers[0]!.child.kill('SIGKILL')
    await Promise.all(ended)
    const outputs = makers.slice(1).map(({ output }) => output())
    const winner = await answer()
    expect(winner).to.match(/^([abcd])\1{999}$/)
    expect(outputs).to.deep.equal(outputs.map(() => `ready:${winner[0]}`))
    await create('unused')
    expect(await readdir(directory)).to.deep.equal([name])
  })
})
