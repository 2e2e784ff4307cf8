import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { MemoryProjectCatalogue } from '../../adapters/memory/project-catalogue.js'
import { makeMemoryProjectCatalogue } from '../../adapters/memory/project-catalogue.js'
import { invalidInput } from '../../domain/errors.js'
import type { ProjectSlug } from '../../domain/identifiers.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'
import type { ProjectCatalogueHarness } from '../contract/project-catalogue.js'
import type { Mutant } from './mutants.js'

/** What a mutant opened; closed with its harness. */
const leaked: Array<FileHandle> = []

type Breaks = (honest: MemoryProjectCatalogue) => Partial<ProjectCatalogue>

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  change: Breaks,
  complain: (text: string) => string = () => 'is wrong',
): Mutant<ProjectCatalogueHarness> => ({
  title,
  breaks,
  start: async () => {
    const honest = makeMemoryProjectCatalogue()
    return {
      catalogue: { ...honest, ...change(honest) },
      put: async (project) => honest.put(project),
      putWrong: async (slug, text) => honest.putWrong(slug, invalidInput(`${slug}:1`, complain(text), 'correct it')),
      stop: async () => honest.setAvailable(false),
      close: async () => {
        for (const handle of leaked.splice(0)) await handle.close()
      },
    }
  },
})

const everyErrorAsUnknown: Breaks = (honest) => ({
  find: (project) => TE.mapLeft(() => ({ _tag: 'UnknownProject' as const, project }))(honest.find(project)),
})

/** Catalogues that each break one promise. */
export const mutants: ReadonlyArray<Mutant<ProjectCatalogueHarness>> = [
  mutant('finds when the task is built', ['does nothing until the task is run'], (honest) => ({
    find: (project) => {
      const early = honest.find(project)()
      return () => early
    },
  })),
  mutant('lists when it is made', ['does nothing until the task is run'], (honest) => {
    const early = honest.list()
    return { list: () => early }
  }),
  mutant('forgets the overrides', ['gives a project exactly as its configuration says'], (honest) => ({
    find: (project) =>
      TE.map((found: Parameters<typeof honest.put>[0]) => ({ ...found, scheme: { ...found.scheme, overrides: [] } }))(
        honest.find(project),
      ),
  })),
  mutant('gives the first project for every name', ['keeps projects apart'], (honest) => ({
    find: (project) => TE.flatMap((all: ReadonlyArray<ProjectSlug>) => honest.find(all[0] ?? project))(honest.list),
  })),
  mutant('remembers what it found', ['gives a project as it is now when it was changed'], (honest) => {
    const seen = new Map<ProjectSlug, ReturnType<ProjectCatalogue['find']>>()
    return {
      find: (project) => async () => {
        const result = await (seen.get(project) ?? honest.find(project))()
        if (E.isRight(result)) seen.set(project, TE.of(result.right))
        return result
      },
    }
  }),
  mutant(
    'answers an unknown project as a wrong one',
    ['answers UnknownProject with the name for a project that has no configuration'],
    (honest) => ({
      find: (project) => TE.mapLeft(() => invalidInput(`${project}:1`, 'is missing', 'add it'))(honest.find(project)),
    }),
  ),
  mutant(
    'answers a wrong project as an unknown one',
    ['answers InvalidInput, with place, problem and remedy, for a wrong configuration alone'],
    everyErrorAsUnknown,
  ),
  mutant(
    'lists only projects that are right',
    ['lists every project in order, those with a wrong configuration included'],
    (honest) => ({
      list: async () => {
        const all = await honest.list()
        if (E.isLeft(all)) return all
        const found = await Promise.all(
          all.right.map(async (slug) => ({ slug, right: E.isRight(await honest.find(slug)()) })),
        )
        return E.right(found.filter(({ right }) => right).map(({ slug }) => slug))
      },
    }),
  ),
  mutant('lists in reverse', ['lists every project in order, those with a wrong configuration included'], (honest) => ({
    list: TE.map((all: ReadonlyArray<ProjectSlug>) => [...all].reverse())(honest.list),
  })),
  mutant(
    'answers unknown when it cannot be reached',
    ['answers Unavailable, which is transient, when it cannot be reached, and never rejects'],
    everyErrorAsUnknown,
  ),
  mutant(
    'rejects when it cannot be reached',
    ['answers Unavailable, which is transient, when it cannot be reached, and never rejects'],
    (honest) => ({
      list: async () => {
        const all = await honest.list()
        if (E.isLeft(all)) throw new Error('offline')
        return all
      },
    }),
  ),
  mutant(
    'quotes the file',
    ['shows no value of a wrong configuration in an error'],
    () => ({}),
    (text) => `has ${text}`,
  ),
  mutant('leaves a file open', ['leaves nothing open behind its work'], (honest) => ({
    find: (project) => async () => {
      leaked.push(await open('/dev/null', 'r'))
      return honest.find(project)()
    },
  })),
]
