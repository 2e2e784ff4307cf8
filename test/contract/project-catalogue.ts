import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import type { PixlError } from '../../domain/errors.js'
import { describeError, isTransient } from '../../domain/errors.js'
import { DestinationName, known, ProjectSlug } from '../../domain/identifiers.js'
import type { Project } from '../../domain/project.js'
import { mergeOperations, tagOf } from '../../domain/tags.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'
import type { Clause, Harness } from './contract.js'
import { expectNoNewHandle, letStrayWorkShow } from './handles.js'

/** A catalogue, empty at first, and hands that reach behind it. */
export interface ProjectCatalogueHarness extends Harness {
  readonly catalogue: ProjectCatalogue
  /** Adds a project, or changes the one of that name, not through the port. */
  readonly put: (project: Project) => Promise<void>
  /** Adds a project whose configuration is wrong, and holds a text in a wrong place. */
  readonly putWrong: (project: ProjectSlug, text: string) => Promise<void>
  /** Makes the catalogue unable to answer. */
  readonly stop: () => Promise<void>
}

const slug = (text: string): ProjectSlug => known(ProjectSlug, text)
const destination = (text: string): DestinationName => known(DestinationName, text)
const marker = 'Planted Marker'

/** A project that uses every part of a configuration. */
export const fullProject: Project = {
  config: {
    project: { name: slug('beta'), modalities: ['CT', 'MR'], azureKvAlias: 'alias' },
    tagOperationFiles: { base: ['base.yaml', 'more.yaml'], manufacturerOverrides: ['makers.yaml'] },
    imageOperationFiles: { deidRecipes: ['us.recipe'] },
    allowedManufacturers: [{ regex: '^philips', excludeSeriesNumbers: [3, 4] }],
    minInstancesPerSeries: 3,
    seriesFilters: ['localizer', 'scout'],
    allowSecondaryCapture: true,
    destination: { dicom: [destination('ftps'), destination('xnat')], parquet: destination('tre') },
  },
  scheme: {
    base: mergeOperations([
      { name: 'Modality', tag: tagOf(0x0008, 0x0060), action: 'keep' },
      { name: null, tag: tagOf(0x0010, 0x0020), action: 'secure-hash' },
    ]),
    overrides: [
      { manufacturer: '^philips', operations: [{ name: 'B', tag: tagOf(0x2001, 0x1003), action: 'keep' }] },
      { manufacturer: 'siemens', operations: [{ name: null, tag: tagOf(0x0019, 0x100c), action: 'replace' }] },
    ],
  },
}

/** A project that leaves out all it can. */
export const smallProject: Project = {
  config: {
    project: { name: slug('alpha'), modalities: ['DX'], azureKvAlias: null },
    tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
    imageOperationFiles: { deidRecipes: [] },
    allowedManufacturers: [],
    minInstancesPerSeries: 2,
    seriesFilters: [],
    allowSecondaryCapture: false,
    destination: { dicom: [], parquet: null },
  },
  scheme: { base: fullProject.scheme.base, overrides: [] },
}

const expectError = <T extends PixlError['_tag']>(result: E.Either<PixlError, unknown>, tag: T) => {
  if (E.isRight(result)) throw new Error(`an answer instead of ${tag}`)
  expect(result.left._tag).to.equal(tag)
  return result.left as Extract<PixlError, { _tag: T }>
}

/** What every {@link ProjectCatalogue} keeps to. */
export const projectCatalogueContract: ReadonlyArray<Clause<ProjectCatalogueHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async ({ catalogue, put }) => {
      const finding = catalogue.find(slug('alpha'))
      const listing = catalogue.list
      await letStrayWorkShow()
      await put(smallProject)
      expect(await finding()).to.deep.equal(E.right(smallProject))
      expect(await listing()).to.deep.equal(E.right([slug('alpha')]))
    },
  },
  {
    title: 'gives a project exactly as its configuration says',
    run: async ({ catalogue, put }) => {
      await put(fullProject)
      expect(await catalogue.find(slug('beta'))()).to.deep.equal(E.right(fullProject))
    },
  },
  {
    title: 'keeps projects apart',
    run: async ({ catalogue, put }) => {
      await put(fullProject)
      await put(smallProject)
      expect(await catalogue.find(slug('alpha'))()).to.deep.equal(E.right(smallProject))
      expect(await catalogue.find(slug('beta'))()).to.deep.equal(E.right(fullProject))
    },
  },
  {
    title: 'gives a project as it is now when it was changed',
    run: async ({ catalogue, put, putWrong }) => {
      await put(smallProject)
      await catalogue.find(slug('alpha'))()
      const changed = { ...smallProject, config: { ...smallProject.config, minInstancesPerSeries: 7 } }
      await put(changed)
      expect(await catalogue.find(slug('alpha'))()).to.deep.equal(E.right(changed))
      await putWrong(slug('alpha'), marker)
      expectError(await catalogue.find(slug('alpha'))(), 'InvalidInput')
    },
  },
  {
    title: 'answers UnknownProject with the name for a project that has no configuration',
    run: async ({ catalogue, put }) => {
      await put(smallProject)
      for (const project of ['alph', 'alpha-2', 'constructor', 'a'.repeat(300)].map(slug))
        expect(await catalogue.find(project)()).to.deep.equal(E.left({ _tag: 'UnknownProject', project }))
    },
  },
  {
    title: 'answers InvalidInput, with place, problem and remedy, for a wrong configuration alone',
    run: async ({ catalogue, put, putWrong }) => {
      await put(smallProject)
      await putWrong(slug('wrong'), marker)
      const { where, what, remedy } = expectError(await catalogue.find(slug('wrong'))(), 'InvalidInput')
      expect(where).to.match(/wrong.*:\d+$/)
      expect(what).to.not.equal('')
      expect(remedy).to.not.equal('')
      expect(await catalogue.find(slug('alpha'))()).to.deep.equal(E.right(smallProject))
    },
  },
  {
    title: 'lists every project in order, those with a wrong configuration included',
    run: async ({ catalogue, put, putWrong }) => {
      expect(await catalogue.list()).to.deep.equal(E.right([]))
      await putWrong(slug('zulu-1'), marker)
      await put(fullProject)
      await putWrong(slug('azure'), marker)
      await put(smallProject)
      expect(await catalogue.list()).to.deep.equal(E.right(['alpha', 'azure', 'beta', 'zulu-1']))
    },
  },
  {
    title: 'answers Unavailable, which is transient, when it cannot be reached, and never rejects',
    run: async ({ catalogue, put, stop }) => {
      await put(smallProject)
      await stop()
      for (const task of [catalogue.find(slug('alpha')), catalogue.list]) {
        const result: E.Either<PixlError, unknown> = await task()
        expect(isTransient(expectError(result, 'Unavailable'))).to.equal(true)
      }
    },
  },
  {
    title: 'shows no value of a wrong configuration in an error',
    run: async ({ catalogue, putWrong }) => {
      await putWrong(slug('wrong'), marker)
      const error = expectError(await catalogue.find(slug('wrong'))(), 'InvalidInput')
      expect(JSON.stringify(error) + describeError(error)).to.not.include(marker)
    },
  },
  {
    title: 'leaves nothing open behind its work',
    run: async ({ catalogue, put, putWrong }) =>
      expectNoNewHandle(async () => {
        await put(fullProject)
        await putWrong(slug('wrong'), marker)
        for (const project of ['alpha', 'beta', 'wrong']) await catalogue.find(slug(project))()
        await catalogue.list()
      }),
  },
]
