import { readFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import ts from 'typescript'

/** A source file as the rules see it; `path` is relative to the repository, with slashes. */
interface Source {
  readonly path: string
  readonly text: string
}

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['domain', 'ports', 'application', 'adapters', 'composition', 'test']

const readSources = (): Promise<ReadonlyArray<Source>> =>
  Promise.all(
    folders
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
      )
      .filter((path) => path.endsWith('.ts'))
      .map(async (path) => ({ path: path.split(sep).join('/'), text: await readFile(join(root, path), 'utf8') })),
  )

const functional = ['fp-ts', 'io-ts']

/** The libraries an adapter is made for; other adapters have none. */
const drivers: Readonly<Record<string, ReadonlyArray<string>>> = {
  cli: ['commander', 'cli-progress'],
  duckdb: ['@duckdb/node-api'],
  postgres: ['knex', 'knex-pglite', '@electric-sql/pglite', 'tar'],
  // It writes the parquet files of its extracts, which no port does.
  synthetic: ['@duckdb/node-api'],
  system: ['pino'],
  yaml: ['yaml'],
  zip: ['yauzl'],
}
const driving = ['cli']

/** What the files of a layer may import: folders of the repository, and packages. Null = anything. */
interface Layer {
  readonly folders: ReadonlyArray<string> | null
  readonly packages: ReadonlyArray<string> | null
}

const adapterLayer = (technology: string): Layer => ({
  folders: driving.includes(technology)
    ? ['domain', 'ports', 'application', `adapters/${technology}`]
    : ['domain', 'ports', `adapters/${technology}`, 'adapters/zip', 'adapters/http-client'],
  packages: [...functional, 'node:', ...(drivers[technology] ?? [])],
})

const layerOf = (path: string): Layer => {
  const [folder, second] = path.split('/')
  switch (folder) {
    case 'domain':
      return { folders: ['domain'], packages: [...functional, '@noble/hashes', 'entities', 'unidecode'] }
    case 'ports':
      return { folders: ['domain', 'ports'], packages: functional }
    case 'application':
      return { folders: ['domain', 'ports', 'application'], packages: functional }
    case 'adapters':
      return adapterLayer(second!)
    case 'composition':
      return {
        folders: ['domain', 'ports', 'application', 'adapters', 'composition'],
        packages: [...functional, 'node:', 'inversify', 'reflect-metadata'],
      }
    default:
      return second === 'contract'
        ? { folders: ['domain', 'ports', 'test/contract'], packages: [...functional, 'node:', 'chai'] }
        : { folders: null, packages: null }
  }
}

const importsOf = ({ text }: Source): ReadonlyArray<string> =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)

const isPackage = (name: string, allowed: string): boolean =>
  allowed.endsWith(':') ? name.startsWith(allowed) : name === allowed || name.startsWith(`${allowed}/`)

/** Imports of a file that its layer does not allow, as sentences. */
const forbiddenImports = (source: Source): ReadonlyArray<string> => {
  const layer = layerOf(source.path)
  return importsOf(source).flatMap((name) => {
    const target = name.startsWith('.') ? posix.join(posix.dirname(source.path), name) : null
    const allowed =
      target === null
        ? (layer.packages?.some((each) => isPackage(name, each)) ?? true)
        : (layer.folders?.some((each) => target.startsWith(`${each}/`)) ?? true)
    return allowed ? [] : [`${source.path} imports ${target ?? name}`]
  })
}

/** The CommonJS build is what plain Node finds; the short path works only under loaders that hide it. */
const wrongFpTsPaths = (source: Source): ReadonlyArray<string> =>
  importsOf(source)
    .filter((name) => /^fp-ts(\/|$)/.test(name) && !/^fp-ts\/lib\/\w+\.js$/.test(name))
    .map((name) => `${source.path} imports ${name}`)

/** Every construct of a file that its layer must not have: clock, chance, environment, classes, decorators. */
const impurities = ({ path, text }: Source): ReadonlyArray<string> => {
  const found: Array<string> = []
  const layer = path.split('/')[0]!
  // The system's clock is the one place that asks the machine for the time.
  const mayReadClock = path === 'adapters/system/clock.ts'
  // Which way a build of an application ends early; it never leaves that folder.
  const mayDeclareClass = path === 'composition/resources.ts'
  const note = (what: string): void => void found.push(`${path} has ${what}`)
  const visit = (node: ts.Node): void => {
    if (ts.isDecorator(node)) note('a decorator')
    if (ts.isClassLike(node) && !mayDeclareClass) note('a class')
    if (layer !== 'composition') {
      if (ts.isPropertyAccessExpression(node)) {
        const text = `${node.expression.getText()}.${node.name.text}`
        if (['Date.now', 'Math.random', 'process.env'].includes(text) && !mayReadClock) note(text)
      }
      if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length && !mayReadClock)
        note('new Date()')
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
  return found
}

/** The rules about purity hold for all but the driving adapters, which face a person, and the tests. */
const mustBePure = ({ path }: Source): boolean =>
  !path.startsWith('test/') && !driving.some((technology) => path.startsWith(`adapters/${technology}/`))

const switchedOff = ({ path, text }: Source): ReadonlyArray<string> =>
  [...text.matchAll(/\b(describe|context|it|specify)\.(only|skip)\b|\bx(describe|it)\(/g)].map(
    ([match]) => `${path} has ${match}`,
  )

const longestFile = 400
const tooLong = ({ path, text }: Source): ReadonlyArray<string> =>
  text.trimEnd().split('\n').length > longestFile ? [`${path} has more than ${longestFile} lines`] : []

describe('architecture', () => {
  let sources: ReadonlyArray<Source> = []
  before(async () => {
    sources = await readSources()
  })
  const everywhere = (
    rule: (source: Source) => ReadonlyArray<string>,
    where: (source: Source) => boolean = () => true,
  ) => sources.filter(where).flatMap(rule)

  it('reads the sources of all six folders', () => {
    expect(new Set(sources.map(({ path }) => path.split('/')[0]))).to.have.all.keys(folders)
    expect(sources.length).to.be.greaterThan(150)
  })

  it('lets every folder import only what it may', () => {
    expect(everywhere(forbiddenImports)).to.deep.equal([])
  })

  it('imports fp-ts by the path that plain Node finds', () => {
    expect(everywhere(wrongFpTsPaths)).to.deep.equal([])
  })

  it('keeps clock, chance, environment, classes and decorators out of what decides and what does', () => {
    expect(everywhere(impurities, mustBePure)).to.deep.equal([])
  })

  it('loads reflect-metadata in one place', () => {
    const loading = sources.filter((source) => importsOf(source).includes('reflect-metadata'))
    expect(loading.map(({ path }) => path)).to.deep.equal(['composition/index.ts'])
  })

  it('has no file that is too long to read', () => {
    expect(everywhere(tooLong)).to.deep.equal([])
  })

  it('has no test that is switched off or runs alone', () => {
    expect(everywhere(switchedOff, ({ path }) => path.startsWith('test/') && path !== self)).to.deep.equal([])
  })

  it('uses every package it depends on, and depends on every package it uses', async () => {
    const { dependencies, peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      peerDependencies: Record<string, string>
    }
    const shipped = sources.filter(({ path }) => !path.startsWith('test/') || path.startsWith('test/contract/'))
    const packages = shipped.flatMap(importsOf).filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
    const names = packages.map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )
    // knex loads pg by name when it is to talk to a server.
    expect(new Set([...names, 'pg'])).to.have.all.keys(...Object.keys(dependencies), ...Object.keys(peerDependencies))
  })
})

const self = relative(root, fileURLToPath(import.meta.url))
  .split(sep)
  .join('/')

/** Made-up sources that break a rule each, so that the rules are known to see them. */
const offences: ReadonlyArray<readonly [string, string, (source: Source) => ReadonlyArray<string>]> = [
  ['domain/a.ts', `import type { Clock } from '../ports/clock.js'`, forbiddenImports],
  ['domain/a.ts', `import { readFileSync } from 'node:fs'`, forbiddenImports],
  ['domain/messages/a.ts', `export { x } from '../../application/worker.js'`, forbiddenImports],
  ['ports/a.ts', `import type { Worker } from '../application/worker.js'`, forbiddenImports],
  ['ports/a.ts', `export type A = import('knex').Knex`, forbiddenImports],
  ['application/a.ts', `import { makeFolderImageSource } from '../adapters/folder/image-source.js'`, forbiddenImports],
  ['application/a.ts', `const late = await import('pino')`, forbiddenImports],
  ['adapters/folder/a.ts', `import type { B } from '../dicom/header.js'`, forbiddenImports],
  ['adapters/folder/a.ts', `import { Container } from 'inversify'`, forbiddenImports],
  ['adapters/folder/a.ts', `import type { Worker } from '../../application/worker.js'`, forbiddenImports],
  ['adapters/cli/a.ts', `import type { Cause } from '../folder/tree.js'`, forbiddenImports],
  ['composition/a.ts', `import knex from 'knex'`, forbiddenImports],
  ['composition/a.ts', `import { verifyContract } from '../test/contract/contract.js'`, forbiddenImports],
  ['test/contract/a.ts', `import type { A } from '../support/canary.js'`, forbiddenImports],
  ['test/contract/a.ts', `import { describe } from 'mocha'`, forbiddenImports],
  ['domain/a.ts', `import * as E from 'fp-ts/Either'`, wrongFpTsPaths],
  ['test/a.ts', `import { pipe } from 'fp-ts'`, wrongFpTsPaths],
  ['domain/a.ts', `const at = Date.now()`, impurities],
  ['application/a.ts', `const at = new Date()`, impurities],
  ['application/a.ts', `export const r = { random: Math.random }`, impurities],
  ['adapters/folder/a.ts', `const home = process.env['HOME']`, impurities],
  ['ports/a.ts', `export class Port {}`, impurities],
  ['composition/a.ts', `@injectable() class Service {}`, impurities],
  ['test/a.test.ts', `it.only('runs alone', () => undefined)`, switchedOff],
  ['test/a.test.ts', `describe.skip('never', () => undefined)`, switchedOff],
  ['domain/a.ts', 'const line = 1\n'.repeat(longestFile + 1), tooLong],
]

const innocent: ReadonlyArray<Source> = [
  { path: 'domain/a.ts', text: `import * as E from 'fp-ts/lib/Either.js'\n// no Date.now() here\nconst s = 'class'` },
  { path: 'domain/messages/a.ts', text: `import { decode } from '../decode.js'\nconst d = new Date(0)` },
  { path: 'adapters/folder/a.ts', text: `import { writeZip } from '../zip/write-zip.js'\nimport 'node:fs'` },
  { path: 'test/contract/a.ts', text: `import { expect } from 'chai'\nimport type { A } from '../../ports/clock.js'` },
]

describe('rules of the architecture', () => {
  for (const [path, text, rule] of offences)
    it(`finds the offence of ${path}: ${text.split('\n')[0]!}`, () => {
      expect(rule({ path, text })).to.have.length.greaterThan(0)
    })

  it('finds none where there is none', () => {
    const rules = [forbiddenImports, wrongFpTsPaths, impurities, switchedOff, tooLong]
    expect(rules.flatMap((rule) => innocent.flatMap(rule))).to.deep.equal([])
  })
})
