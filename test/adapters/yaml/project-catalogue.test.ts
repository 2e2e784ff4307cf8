import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { makeYamlProjectCatalogue } from '../../../adapters/yaml/project-catalogue.js'
import type { InvalidInput } from '../../../domain/errors.js'
import { known, ProjectSlug } from '../../../domain/identifiers.js'
import { knownDestinations } from '../../../domain/project.js'
import type { Project } from '../../../domain/project.js'
import type { TagAction } from '../../../domain/tags.js'
import { verifyContract } from '../../contract/contract.js'
import type { ProjectCatalogueHarness } from '../../contract/project-catalogue.js'
import { projectCatalogueContract, smallProject } from '../../contract/project-catalogue.js'

const isKnownDestination = (name: string): boolean => knownDestinations.some((known) => known === name)

const tagEntry = (tag: number, op: TagAction, name: string | null = null): unknown => ({
  ...(name === null ? {} : { name }),
  group: `0x${Math.floor(tag / 0x10000).toString(16)}`,
  element: tag % 0x10000,
  op,
})

/** Writes a project as an operator would: all operations in the first file, the others empty. */
const writeProject = async (directory: string, { config, scheme }: Project): Promise<void> => {
  const write = (name: string, content: unknown): Promise<void> => writeFile(join(directory, name), stringify(content))
  const { project, tagOperationFiles, imageOperationFiles, destination } = config
  await mkdir(join(directory, 'tag-operations', 'manufacturer-overrides'), { recursive: true })
  await mkdir(join(directory, 'image-operations'), { recursive: true })
  for (const [i, name] of tagOperationFiles.base.entries())
    await write(join('tag-operations', name), i > 0 ? [] : [...scheme.base].map(([tag, op]) => tagEntry(tag, op)))
  for (const [i, name] of tagOperationFiles.manufacturerOverrides.entries()) {
    const overrides = scheme.overrides.map(({ manufacturer, operations }) => ({
      manufacturer,
      tags: operations.map((operation) => tagEntry(operation.tag, operation.action, operation.name)),
    }))
    await write(join('tag-operations', 'manufacturer-overrides', name), i > 0 ? [] : overrides)
  }
  for (const name of imageOperationFiles.deidRecipes) await write(join('image-operations', name), 'FORMAT dicom')
  await write(`${project.name}.yaml`, {
    project: { name: project.name, modalities: project.modalities, azure_kv_alias: project.azureKvAlias },
    tag_operation_files: {
      base: tagOperationFiles.base,
      manufacturer_overrides: tagOperationFiles.manufacturerOverrides,
    },
    image_operation_files: { deid_recipes: imageOperationFiles.deidRecipes },
    allowed_manufacturers: config.allowedManufacturers.map(({ regex, excludeSeriesNumbers }) => ({
      regex,
      exclude_series_numbers: excludeSeriesNumbers,
    })),
    min_instances_per_series: config.minInstancesPerSeries,
    series_filters: config.seriesFilters,
    allow_secondary_capture: config.allowSecondaryCapture,
    destination: {
      dicom: destination.dicom.length === 0 ? 'none' : destination.dicom,
      parquet: destination.parquet ?? 'none',
    },
  })
}

const startYamlHarness = async (): Promise<ProjectCatalogueHarness> => {
  const root = await mkdtemp(join(tmpdir(), 'pixl-projects-'))
  const directory = join(root, 'projects')
  await mkdir(directory)
  return {
    catalogue: makeYamlProjectCatalogue({ directory, isKnownDestination }),
    put: (project) => writeProject(directory, project),
    putWrong: (slug, text) =>
      writeFile(join(directory, `${slug}.yaml`), `project:\n  name: ${text}\n  modalities: "${text}\n`),
    stop: async () => {
      // Permissions do not stop the superuser; a link that leads round in a circle stops everybody.
      await rename(directory, join(root, 'away'))
      await symlink('projects', directory)
    },
    close: () => rm(root, { recursive: true, force: true }),
  }
}

verifyContract('YAML ProjectCatalogue', projectCatalogueContract, startYamlHarness)

describe('YAML ProjectCatalogue', () => {
  let directory: string
  const alpha = known(ProjectSlug, 'alpha')
  const write = (name: string, content: string | Buffer): Promise<void> => writeFile(join(directory, name), content)
  const find = (more: string | null = null) =>
    makeYamlProjectCatalogue({
      directory,
      isKnownDestination: (name) => isKnownDestination(name) || name === more,
    }).find(alpha)()
  const problem = async (): Promise<InvalidInput> => {
    const result = await find()
    if (E.isRight(result) || result.left._tag !== 'InvalidInput') throw new Error('no InvalidInput')
    return { ...result.left, where: result.left.where.replace(`${directory}/`, '') }
  }
  const lines = (...text: ReadonlyArray<string>): string => text.join('\n')
  const good = lines(
    'project:',
    '  name: alpha',
    '  modalities: [CT]',
    'tag_operation_files:',
    '  base:',
    '    - base.yaml',
    'destination:',
    '  dicom: ftps',
    '  parquet: none',
  )

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pixl-projects-'))
    await mkdir(join(directory, 'tag-operations', 'manufacturer-overrides'), { recursive: true })
    await write('tag-operations/base.yaml', '- {group: 0x0008, element: 0x0060, op: keep}\n')
    await write('alpha.yaml', good)
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('reads a file with comments, a byte order mark, Windows line ends, anchors and hexadecimal numbers', async () => {
    const text = lines(
      '# a comment',
      'project: {name: "alpha", modalities: &kinds ["CT"]}',
      'tag_operation_files:',
      '    base:',
      '        #- "base.yaml" # not now',
      '        - "base.yaml" # Expected',
      '    manufacturer_overrides: ["mri.yaml"]',
      'min_instances_per_series: 1',
      'destination: {dicom: none, parquet: none}',
    )
    await write('alpha.yaml', `\ufeff${text.replaceAll('\n', '\r\n')}`)
    await write(
      'tag-operations/manufacturer-overrides/mri.yaml',
      lines(
        '- manufacturer: ^philips',
        '  tags: &philips',
        '    - name: "B"',
        '      group: 0x2001',
        '      element: 0x1003',
        '      op: "keep"',
        '- manufacturer: ^other',
        '  tags: *philips',
      ),
    )
    const found = await find()
    if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
    expect(found.right.config.project.modalities).to.deep.equal(['CT'])
    expect(found.right.scheme.overrides.map(({ operations }) => operations[0]?.tag)).to.deep.equal([
      0x20011003, 0x20011003,
    ])
  })

  it('reads <slug>.yml as well, but not beside <slug>.yaml', async () => {
    await rename(join(directory, 'alpha.yaml'), join(directory, 'alpha.yml'))
    expect(E.isRight(await find())).to.equal(true)
    await write('alpha.yaml', good)
    expect((await problem()).what).to.equal('is there beside a file of the same name ending in .yml')
  })

  it('lists only files named by a slug', async () => {
    for (const name of ['beta.yml', 'Gamma.yaml', 'a b.yaml', '.hidden.yaml', 'README.md', 'alpha.yml', 'x.yaml.bak'])
      await write(name, '')
    const catalogue = makeYamlProjectCatalogue({ directory, isKnownDestination })
    expect(await catalogue.list()).to.deep.equal(E.right(['alpha', 'beta']))
  })

  it('merges base files in order, a later operation on a tag winning', async () => {
    await write('alpha.yaml', good.replace('- base.yaml', '- base.yaml\n    - later.yaml'))
    await write('tag-operations/later.yaml', '- {group: 0x0008, element: 0x0060, op: replace}\n')
    const found = await find()
    expect(E.isRight(found) && [...found.right.scheme.base]).to.deep.equal([[0x00080060, 'replace']])
  })

  it('names file, line and all problems of the file in one sentence, in the order of the lines', async () => {
    await write('alpha.yaml', lines(good.replace('name: alpha', 'nmae: alpha'), 'min_instances_per_series: 0', ''))
    expect(await problem()).to.deep.equal({
      _tag: 'InvalidInput',
      where: 'alpha.yaml:2',
      what: lines(
        'project.name: expected a project slug (lower-case letters, digits and single hyphens, at most 100 characters); ',
        'line 2: project.nmae: expected no such key; known here: name, modalities, azure_kv_alias; ',
        'line 10: min_instances_per_series: expected an integer of at least 1',
      ).replaceAll('\n', ''),
      remedy: 'correct the file',
    })
  })

  it('names the line of a destination without an uploader, in a list its own line', async () => {
    await write('alpha.yaml', good.replace('dicom: ftps', 'dicom: s3'))
    expect(await problem()).to.include({
      where: 'alpha.yaml:8',
      what: 'destination.dicom: expected a destination that has an uploader, or none',
    })
    await write('alpha.yaml', good.replace('dicom: ftps', 'dicom:\n  - ftps\n  - s3'))
    expect((await problem()).where).to.equal('alpha.yaml:10')
    expect(E.isRight(await find('s3'))).to.equal(true)
  })

  it('names the line of the name when it is not that of the file', async () => {
    await write('alpha.yaml', good.replace('name: alpha', 'name: beta'))
    expect(await problem()).to.include({ where: 'alpha.yaml:2', what: 'project.name: expected the name of the file' })
  })

  it('names the lines that name missing tag, override and recipe files', async () => {
    await write(
      'alpha.yaml',
      lines(
        good.replace('base.yaml', 'bsae.yaml'),
        'image_operation_files: {deid_recipes: [us.recipe]}',
        'allow_secondary_capture: false',
      ).replace('destination:', '  manufacturer_overrides: [gone.yaml]\ndestination:'),
    )
    expect(await problem()).to.include({
      where: 'alpha.yaml:6',
      what: lines(
        'tag_operation_files.base[0]: expected the name of a file in tag-operations; ',
        'line 7: tag_operation_files.manufacturer_overrides[0]: expected the name of a file in tag-operations/manufacturer-overrides; ',
        'line 11: image_operation_files.deid_recipes[0]: expected the name of a file in image-operations',
      ).replaceAll('\n', ''),
    })
  })

  it('names file and line of a wrong tag operation, there as in an override', async () => {
    await write('tag-operations/base.yaml', lines('- group: 0x0008', '  element: 0x0060', '  op: hash', ''))
    expect(await problem()).to.include({
      where: 'tag-operations/base.yaml:3',
      what: '[0].op: expected keep, delete, replace, replace_UID or secure-hash',
    })
    await write('tag-operations/base.yaml', '[]')
    await write('alpha.yaml', good.replace('destination:', '  manufacturer_overrides: [m.yaml]\ndestination:'))
    await write('tag-operations/manufacturer-overrides/m.yaml', lines('- tags: []', '  manufacturer: ge\\Z'))
    expect((await problem()).where).to.equal('tag-operations/manufacturer-overrides/m.yaml:2')
  })

  it('names the line in a list shared through an anchor', async () => {
    await write('alpha.yaml', lines('x: &x', '  - CT', '  - ct', good.replace('[CT]', '*x')))
    expect(await problem()).to.include({ where: 'alpha.yaml:1' })
    expect((await problem()).what).to.include('line 3: project.modalities[1]: expected a modality')
  })

  const invalid: ReadonlyArray<readonly [what: string, text: string, where: string, problem: string]> = [
    ['a key twice', `${good}\nproject: {}`, 'alpha.yaml:10', 'has a key that stands before in the same mapping'],
    ['a second document', `${good}\n---\na: 1`, 'alpha.yaml:10', 'begins a second document; one file holds one'],
    ['a tab', 'project:\n\tname: alpha', 'alpha.yaml:2', 'is indented by a tab; use spaces'],
    [
      'an open bracket',
      `${good}\nseries_filters: [a`,
      'alpha.yaml:10',
      'is indented differently from the lines around it',
    ],
    ['a tag', `${good}\nseries_filters: !set {a}`, 'alpha.yaml:10', 'holds a !tag; write plain values'],
    [
      'an alias without anchor',
      `${good}\nseries_filters: *none`,
      'alpha.yaml:10',
      'uses *aliases without an &anchor before them, or too many of them',
    ],
    ['a key that is a list', `${good}\n? [a]\n: 1`, 'alpha.yaml:10', 'has a key that is not a plain text'],
    [
      'an octal number of YAML 1.1',
      `${good}\nmin_instances_per_series: 010`,
      'alpha.yaml:10',
      'holds a number that versions of YAML read differently; write it as 16 or 0x0010',
    ],
    [
      'a number with an exponent',
      `${good}\nmin_instances_per_series: 10e2`,
      'alpha.yaml:10',
      'holds a number that versions of YAML read differently; write it as 16 or 0x0010',
    ],
    [
      'an unknown escape',
      `${good}\nseries_filters: ["a\\s"]`,
      'alpha.yaml:10',
      'holds an unknown escape in double quotes; use single quotes around regular expressions',
    ],
    [
      'nothing',
      '# nothing\n',
      'alpha.yaml:1',
      'value: expected a mapping with project, tag_operation_files and destination',
    ],
    ['a list', '- 1', 'alpha.yaml:1', 'value: expected a mapping with project, tag_operation_files and destination'],
  ]
  for (const [what, text, where, sentence] of invalid) {
    it(`refuses a file with ${what}`, async () => {
      await write('alpha.yaml', text)
      const found = await problem()
      expect(found.where).to.equal(where)
      expect(found.what.split('; line')[0]).to.equal(sentence)
    })
  }

  it('refuses what is too deep, too large, a bomb or a circle, and says so briefly', async () => {
    const bomb = [...'bcdefghij'].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghij'[i]}`).join()}]`)
    const hostile = [
      '['.repeat(1_000_000),
      '{a: '.repeat(250_000),
      '? '.repeat(500_000),
      '- '.repeat(500_000),
      Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      lines(good, `series_filters: ${'['.repeat(70)}${']'.repeat(70)}`),
      'x'.repeat(1024 * 1024 + 1),
      lines('a: &a [x,x,x,x,x,x,x,x,x]', ...bomb),
      'project: &a [*a]',
      Array.from({ length: 20_000 }, (_, i) => `key${i}: 1`).join('\n'),
      '- {}\n'.repeat(20_000),
    ]
    for (const text of hostile) {
      await write('alpha.yaml', text)
      expect(JSON.stringify(await problem())).to.have.length.below(4000)
    }
  }).timeout(20_000)

  it('refuses what is not UTF-8, a folder and a pipe in place of a file, without hanging', async () => {
    await write('alpha.yaml', Buffer.from([0xff, 0xfe, 0x70, 0x00]))
    expect(await problem()).to.include({ where: 'alpha.yaml', what: 'is not UTF-8 text' })
    await rm(join(directory, 'alpha.yaml'))
    await mkdir(join(directory, 'alpha.yaml'))
    expect(await problem()).to.include({ where: 'alpha.yaml', what: 'is not a regular file' })
    await rm(join(directory, 'alpha.yaml'), { recursive: true })
    expect(spawnSync('mkfifo', [join(directory, 'alpha.yaml')]).status).to.equal(0)
    expect(await problem()).to.include({ where: 'alpha.yaml', what: 'is not a regular file' })
  })

  it('names the folder when it is missing or not a folder', async () => {
    const somewhere = join(directory, 'somewhere')
    const missing = makeYamlProjectCatalogue({ directory: somewhere, isKnownDestination })
    const file = makeYamlProjectCatalogue({ directory: join(directory, 'alpha.yaml'), isKnownDestination })
    for (const task of [missing.find(alpha), missing.list]) {
      const result: E.Either<unknown, unknown> = await task()
      expect(E.isLeft(result) && result.left).to.include({
        _tag: 'InvalidInput',
        where: somewhere,
        what: 'does not exist',
      })
    }
    const result = await file.find(alpha)()
    expect(E.isLeft(result) && result.left).to.include({ _tag: 'InvalidInput', what: 'is not a folder' })
  })

  it('says that a file cannot be read, not that it is unknown', async () => {
    await rm(join(directory, 'alpha.yaml'))
    await symlink('alpha.yaml', join(directory, 'alpha.yaml'))
    const result = await find()
    expect(E.isLeft(result) && result.left).to.deep.equal({
      _tag: 'Unavailable',
      port: 'ProjectCatalogue',
      cause: { name: 'Error', code: 'ELOOP' },
    })
  })

  it('gives the sample project of the contract as its file says', async () => {
    await writeProject(directory, smallProject)
    expect(await find()).to.deep.equal(E.right(smallProject))
  })
})
