import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Consumer } from './support/consumer.js'
import { makeConsumer } from './support/consumer.js'

/** Adapters a consumer may name; each is imported once. */
const adapters = [
  'cli/program',
  'dicom/deidentifier',
  'duckdb/cohort-reader',
  'environment/secret-store',
  'files/secret-store',
  'folder/image-archive',
  'folder/image-source',
  'folder/image-uploader',
  'memory/image-uploader',
  'memory/message-bus',
  'postgres/extract-repository',
  'synthetic/hospital',
  'system/telemetry',
  'yaml/project-catalogue',
]

const samples = `
import assert from 'node:assert/strict'
import * as domain from 'pixl-core/domain'
const right = (either) => { assert.equal(either._tag, 'Right'); return either.right }
assert.equal(right(domain.projectSlug('Test Extract - UCLH OMOP CDM')), 'test-extract-uclh-omop-cdm')
assert.equal(domain.projectSlug('\u{1F3E5}')._tag, 'Left')
assert.equal(domain.datetimeSlug('2020-06-10T18:00:00'), '2020-06-10t18-00-00')
const plain = '{"mrn": "111", "accession_number": "123", "study_uid": "1.2.3", "series_uid": "", "study_date": "2022-11-22", "procedure_occurrence_id": 234, "project_name": "test project", "extract_generated_timestamp": "2023-12-07T14:08:00+00:00"}'
const request = right(domain.decodeStudyMessage(new TextEncoder().encode(plain)))
assert.equal(request.mrn.reveal(), '111')
assert.equal(JSON.stringify(request).includes('"111"'), false)
assert.equal(new TextDecoder().decode(domain.encodeStudyMessage(request, 'plain')), plain)
const pickled = domain.encodeStudyMessage(request, 'jsonpickle')
assert.match(new TextDecoder().decode(pickled), /core\\.patient_queue\\.message\\.Message/)
assert.equal(right(domain.decodeStudyMessage(pickled)).accessionNumber.reveal(), '123')
const project = {
  project: { name: 'sample', modalities: ['CT'] },
  tag_operation_files: { base: ['base.yaml'] },
  destination: { dicom: 'folder', parquet: 'none' },
}
assert.deepEqual(right(domain.decodeProjectConfig(project)).destination.dicom, ['folder'])
const wrong = domain.decodeProjectConfig({ ...project, destinations: {} })
assert.equal(wrong._tag, 'Left')
`

/** Writes the address of every module that is loaded to a file. */
const recorder = `
import { register } from 'node:module'
const hooks = \`
import { appendFileSync } from 'node:fs'
export const load = (url, context, next) => { appendFileSync('loaded.txt', url + '\\\\n'); return next(url, context) }
\`
register('data:text/javascript,' + encodeURIComponent(hooks))
`

const typed = `
import { createEmbeddedApplication, tokens } from 'pixl-core'
import { describeError, type PixlError, type ProjectSlug } from 'pixl-core/domain'
import type { ImageUploader, RateLimiter } from 'pixl-core/ports'
import { imageUploaderContract, verifyContract, type ImageUploaderHarness } from 'pixl-core/contract'
import { makeFolderImageUploader } from 'pixl-core/adapters/folder/image-uploader'
export const abilities = (uploader: ImageUploader): boolean => uploader.supports.atomic
export const say = (error: PixlError): string => describeError(error)
export const slugs: ReadonlyArray<ProjectSlug> = []
export const limit = (limiter: RateLimiter) => limiter.readRate('primary')
export const adopt = (start: () => Promise<ImageUploaderHarness>) => verifyContract('mine', imageUploaderContract, start)
export const application = createEmbeddedApplication({ stateDirectory: 'state' })
export const made = [makeFolderImageUploader, tokens.ImageUploader]
// @ts-expect-error only a codec makes a slug
export const unbranded: ProjectSlug = 'Not a Slug'
`

const compilerOptions = {
  module: 'NodeNext',
  target: 'ES2022',
  lib: ['ES2023'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: ['node'],
}

describe('the package', function () {
  this.timeout(120_000)
  let consumer: Consumer
  before(async () => {
    consumer = await makeConsumer()
  })
  after(() => consumer?.remove())

  const expectDone = async (run: Promise<{ code: number; stdout: string; stderr: string }>): Promise<string> => {
    const { code, stdout, stderr } = await run
    expect(code, stdout + stderr).to.equal(0)
    return stdout
  }
  const evaluate = (program: string): Promise<string> =>
    expectDone(consumer.node('--input-type=module', '--eval', program))

  /** What importing an export loads, as paths from `node_modules`. */
  const loadedBy = async (name: string): Promise<ReadonlyArray<string>> => {
    await consumer.write('recorder.mjs', recorder)
    await consumer.write('loaded.txt', '')
    await consumer.write('importing.mjs', `await import('${name}')`)
    await expectDone(consumer.node('--import', './recorder.mjs', 'importing.mjs'))
    const urls = (await readFile(join(consumer.directory, 'loaded.txt'), 'utf8')).trim().split('\n')
    return urls.flatMap((url) => {
      const at = url.lastIndexOf('/node_modules/')
      return at === -1 ? [] : [url.slice(at + '/node_modules/'.length)]
    })
  }

  it('holds the program, its types, the prepared database and the papers', () => {
    expect(consumer.files).to.include.members([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dist/adapters/postgres/pglite-snapshot.tgz',
      'dist/composition/bin.js',
      'dist/composition/index.d.ts',
      'dist/test/contract/index.d.ts',
    ])
  })

  it('holds no test, no map of this machine, no source and no image', () => {
    const odd = consumer.files.filter(
      (path) =>
        !/^(dist\/.*\.(js|d\.ts)|dist\/adapters\/postgres\/pglite-snapshot\.tgz|[A-Z]+(\.md)?|package\.json)$/.test(
          path,
        ) || /\.test\.|\/(mutants|support|drills|bench)\//.test(path),
    )
    expect(odd).to.deep.equal([])
  })

  it('names no folder of the machine it was built on', async () => {
    const root = process.cwd()
    const naming: Array<string> = []
    for (const path of consumer.files.filter((each) => /\.(js|ts|md|json)$/.test(each))) {
      const text = await readFile(join(consumer.directory, 'node_modules/pixl-core', path), 'utf8')
      if (text.includes(root) || text.includes('sourceMappingURL')) naming.push(path)
    }
    expect(naming).to.deep.equal([])
  })

  it('imports every export in plain Node, on its own dependencies', async () => {
    await consumer.add('chai')
    const names = ['', '/domain', '/ports', '/contract', ...adapters.map((adapter) => `/adapters/${adapter}`)]
    const program = names.map((name) => `await import('pixl-core${name}')`).join('\n')
    await evaluate(program)
    const contract = await evaluate(`console.log(Object.keys(await import('pixl-core/contract')).join())`)
    for (const port of ['imageUploader', 'imageSource', 'secretStore', 'cohortReader', 'extractRepository'])
      expect(contract).to.contain(`${port}Contract`)
  })

  it('decodes and encodes samples from the domain', () => evaluate(samples))

  it('keeps what is inside to itself', async () => {
    const { code, stderr } = await consumer.node(
      '--input-type=module',
      '--eval',
      `await import('pixl-core/dist/domain/slug.js')`,
    )
    expect(code).not.to.equal(0)
    expect(stderr).to.contain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('loads no library for the ports, and only pure ones for the domain', async () => {
    expect(await loadedBy('pixl-core/ports')).to.deep.equal(['pixl-core/dist/ports/index.js'])
    const libraries = (await loadedBy('pixl-core/domain')).filter((path) => !path.startsWith('pixl-core/dist/domain/'))
    const names = libraries.map((path) =>
      path
        .split('/')
        .slice(0, path.startsWith('@') ? 2 : 1)
        .join('/'),
    )
    expect([...new Set(names)].sort()).to.deep.equal(['@noble/hashes', 'entities', 'fp-ts', 'io-ts', 'unidecode'])
  })

  it('gives a strict TypeScript consumer its types', async () => {
    await consumer.add('typescript', '@types/node')
    await consumer.write('typed.mts', typed)
    await consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['typed.mts'] }))
    await expectDone(consumer.node('node_modules/typescript/bin/tsc', '-p', '.'))
  })

  it('brings the program', async () => {
    const { version } = JSON.parse(
      await readFile(join(consumer.directory, 'node_modules/pixl-core/package.json'), 'utf8'),
    ) as { version: string }
    expect((await expectDone(consumer.bin('pixl', '--version'))).trim()).to.equal(version)
    expect(await expectDone(consumer.bin('pixl', '--help'))).to.contain('check-config')
  })
})
