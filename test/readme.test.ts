import { spawn } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { makeMemoryImageSource } from '../adapters/memory/image-source.js'
import { makeDeidentifiedStore } from '../adapters/memory/deidentified-store.js'
import { makeFolderImageUploader } from '../adapters/folder/image-uploader.js'
import { makeMemoryImageUploader } from '../adapters/memory/image-uploader.js'
import { makeSyntheticHospital } from '../adapters/synthetic/hospital.js'
import { exitCodes } from '../adapters/cli/host.js'
import { statePaths } from '../composition/folders.js'
import { imageStates } from '../domain/extract.js'
import * as contract from './contract/index.js'
import type { Consumer, Ended } from './support/consumer.js'
import { makeConsumer } from './support/consumer.js'
import type { Snippet } from './support/readme.js'
import { errorsTable, movesPicture, movesTable, reasonsTable, snippetsOf } from './support/readme.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(join(root, 'README.md'), 'utf8')
const snippets = snippetsOf(readme)
const inLanguage = (language: string): ReadonlyArray<Snippet> =>
  snippets.filter((snippet) => snippet.language === language)

/** Commands that a test cannot run: they are the ones that run the tests. Each is tried from a fresh clone by `.ci/run`. */
const notRun = ['npm ci && npm start', 'npm ci && npm test']

/** What a reader types, and how it ends: `# ends with 2` after it says so, else 0. */
const commands = inLanguage('sh')
  .flatMap(({ text }) => text.trim().split('\n'))
  .filter((line) => !notRun.includes(line))
  .map((line) => ({ line, code: Number(/# ends with (\d)$/.exec(line)?.[1] ?? 0) }))

const type = (line: string, { directory }: Consumer): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { HOME: process.env['HOME'], PATH: `${join(directory, 'node_modules/.bin')}:${process.env['PATH']}` }
    const shell = spawn('sh', ['-c', line.replace(/^npx /, '')], { cwd: directory, env })
    const said = { stdout: '', stderr: '' }
    shell.stdout.on('data', (chunk) => (said.stdout += String(chunk)))
    shell.stderr.on('data', (chunk) => (said.stderr += String(chunk)))
    shell.on('close', (code) => resolve({ code: code ?? -1, ...said }))
  })

/** Whether lines occur in a text in their order; `…` stands for anything. */
const missingLine = (lines: ReadonlyArray<string>, text: string): string | null => {
  let rest = text.split('\n')
  for (const line of lines.filter((each) => each !== '…' && each !== '')) {
    const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const at = rest.findIndex((each) => new RegExp(`^${parts.join('.*')}$`).test(each))
    if (at === -1) return line
    rest = rest.slice(at + 1)
  }
  return null
}

describe('README', () => {
  it('lists every reason with its sentence', () => {
    expect(readme).to.contain(`${reasonsTable()}\n\n`)
  })

  it('lists every error with its sentence', () => {
    expect(readme).to.contain(`${errorsTable()}\n\n`)
  })

  it('shows the state machine the program checks moves by', () => {
    expect(readme).to.contain(movesTable())
    expect(readme).to.contain(movesPicture())
    for (const state of imageStates) expect(movesPicture()).to.match(new RegExp(`\\b${state}\\b`))
  })

  it('tells the abilities that uploaders declare', () => {
    const imageSource = makeMemoryImageSource(makeDeidentifiedStore())
    const uploaders = {
      'folder/image-uploader': makeFolderImageUploader({ out: 'nowhere', imageSource }),
      'memory/image-uploader': makeMemoryImageUploader(imageSource),
    }
    for (const [name, { supports }] of Object.entries(uploaders)) {
      const said = `\`atomic: ${supports.atomic}, verbatim: ${supports.verbatim}, verification: '${supports.verification}'\``
      expect(readme).to.contain(`| \`${name}\` | ImageUploader | ${said} |`)
    }
  })

  it('lists adapters that are there, and the suite of every port', async () => {
    const rows = [...readme.matchAll(/^\| ((?:`[\w-]+\/[\w-]+`(?:, )?)+) \| /gm)].map(([, cell]) => cell!)
    const adapters = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
    expect(adapters.length).to.be.greaterThan(10)
    for (const adapter of adapters) await stat(join(root, 'adapters', `${adapter}.ts`))
    const suites = Object.keys(contract).filter((name) => name.endsWith('Contract') && name !== 'verifyContract')
    expect([...readme.matchAll(/\| `(\w+Contract)` \|/g)].map(([, name]) => name)).to.have.members(suites)
  })

  it('tells what is in the state directory', () => {
    for (const name of Object.values(statePaths(''))) expect(readme).to.match(new RegExp(`^\\| .*\`${name}/?\``, 'm'))
  })

  it('explains every exit code', () => {
    for (const code of Object.values(exitCodes)) expect(readme).to.match(new RegExp(`^\\| ${code} \\| `, 'm'))
  })

  it('links only to what is there', async () => {
    const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(
      ([, text]) =>
        `#${text!
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-')}`,
    )
    for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) {
      if (target!.startsWith('#')) expect(headings).to.include(target)
      else if (!target!.startsWith('http')) await stat(join(root, target!))
    }
  })

  it('names only files and folders that are there', async () => {
    const named = [...readme.matchAll(/`((?:domain|ports|application|adapters|composition|test)\/[\w./-]*)`/g)]
    expect(named.length).to.be.greaterThan(5)
    for (const [, path] of named) await stat(join(root, path!))
  })
})

describe('README, typed by a newcomer', function () {
  this.timeout(180_000)
  let consumer: Consumer
  before(async () => {
    consumer = await makeConsumer()
    await consumer.add('chai', 'mocha', 'typescript', '@types/node')
    await makeSyntheticHospital(join(consumer.directory, 'hospital'))
  })
  after(() => consumer?.remove())

  const expectEnd = (ended: Ended, code: number): void => {
    expect(ended.code, ended.stdout + ended.stderr).to.equal(code)
  }

  it('has code that compiles under strict settings', async () => {
    const files = inLanguage('ts')
    expect(files.map(({ name }) => name)).to.include.members(['embed.ts', 'bucket-uploader.ts'])
    for (const { name, text } of files) await consumer.write(name, text)
    const compilerOptions = {
      module: 'NodeNext',
      target: 'ES2022',
      lib: ['ES2023'],
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
    }
    await consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, files: files.map(({ name }) => name) }))
    expectEnd(await consumer.node('node_modules/typescript/bin/tsc', '-p', '.'), 0)
  })

  it('has an example that carries the studies of a hospital', async () => {
    const ended = await consumer.node('embed.js')
    expectEnd(ended, 0)
    expect(ended.stdout)
      .to.contain('Settled')
      .and.to.match(/exported: 16/)
  })

  it('has an uploader that keeps to the contract', async () => {
    const ended = await consumer.node('node_modules/mocha/bin/mocha.js', 'bucket-uploader.test.js')
    expectEnd(ended, 0)
    expect(Number(/(\d+) passing/.exec(ended.stdout)?.[1])).to.be.greaterThan(15)
  })

  it('has an uploader that projects can name', async () => {
    const file = join('hospital', 'projects', 'lung-nodules.yaml')
    const project = await readFile(join(consumer.directory, file), 'utf8')
    await consumer.write(file, project.replace('dicom: ftps', 'dicom: bucket'))
    await consumer.write(
      'run-with-bucket.js',
      `
      globalThis.describe = () => undefined
      const { makeBucket } = await import('./bucket-uploader.test.js')
      const { withBucket } = await import('./with-bucket.js')
      const { bucket, objects } = makeBucket()
      const right = ({ _tag, left, right }) => { if (_tag === 'Left') throw left; return right }
      const pixl = right(await withBucket(bucket)())
      right(await pixl.enqueueExtract('hospital/extract', 1)())
      const worker = right(await pixl.startWorker())
      right(await pixl.awaitSettled(() => undefined, () => false)())
      await worker.close()
      const audit = right(await pixl.audit())
      await pixl.close()
      console.log(objects.size, audit.objects, audit.violations.length, audit.unchecked.length)
      `,
    )
    const ended = await consumer.node('run-with-bucket.js')
    await consumer.write(file, project)
    expectEnd(ended, 0)
    expect(ended.stdout.trim()).to.equal('16 16 0 0')
  })

  for (const { line, code } of commands)
    it(`has a command that works: ${line}`, async () => {
      expectEnd(await type(line, consumer), code)
    })

  it('prints what it says the demo prints', async () => {
    const shown = snippets.find(({ name }) => name === 'demo')!.text.split('\n')
    const ended = await type('pixl demo', consumer)
    expectEnd(ended, 0)
    await rm(/made in (.+); no real/.exec(ended.stdout)![1]!, { recursive: true })
    expect(
      missingLine(
        shown.filter((line) => !onStandardError.test(line)),
        ended.stdout,
      ),
    ).to.equal(null)
    expect(
      missingLine(
        shown.filter((line) => onStandardError.test(line)),
        ended.stderr,
      ),
    ).to.equal(null)
  })
})

/** What is progress rather than a result goes to the other channel. */
const onStandardError = /^(Everything|Read) /
