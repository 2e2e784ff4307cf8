import * as E from 'fp-ts/lib/Either.js'
import type { InvalidInput, Unavailable, UnknownProject } from '../../domain/errors.js'
import { unavailable } from '../../domain/errors.js'
import type { ProjectSlug } from '../../domain/identifiers.js'
import type { Project } from '../../domain/project.js'
import type { ProjectCatalogue } from '../../ports/project-catalogue.js'

/** A catalogue that holds what it is told, and the switches a test needs. */
export interface MemoryProjectCatalogue extends ProjectCatalogue {
  /** Adds or changes a project. */
  readonly put: (project: Project) => void
  /** Makes a project one whose configuration is wrong. */
  readonly putWrong: (project: ProjectSlug, error: InvalidInput) => void
  /** Whether the catalogue answers. */
  readonly setAvailable: (available: boolean) => void
}

/** Makes a {@link MemoryProjectCatalogue} of some projects. */
export const makeMemoryProjectCatalogue = (projects: ReadonlyArray<Project> = []): MemoryProjectCatalogue => {
  const entries = new Map<ProjectSlug, E.Either<InvalidInput, Project>>(
    projects.map((project) => [project.config.project.name, E.right(project)]),
  )
  let available = true
  const ifAvailable = <L, A>(answer: () => E.Either<L, A>): E.Either<L | Unavailable, A> =>
    available ? answer() : E.left(unavailable('ProjectCatalogue', { name: 'Offline' }))

  return {
    find: (project) => async () =>
      ifAvailable<UnknownProject | InvalidInput, Project>(
        () => entries.get(project) ?? E.left({ _tag: 'UnknownProject', project }),
      ),
    list: async () => ifAvailable(() => E.right([...entries.keys()].sort())),
    put: (project) => void entries.set(project.config.project.name, E.right(project)),
    putWrong: (project, error) => void entries.set(project, E.left(error)),
    setAvailable: (answers) => {
      available = answers
    },
  }
}
