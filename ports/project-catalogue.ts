import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { InvalidInput, Unavailable, UnknownProject } from '../domain/errors.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import type { Project } from '../domain/project.js'

/** The configurations of all projects. */
export interface ProjectCatalogue {
  /**
   * Reads one project, strictly.
   *
   * **Errors** `UnknownProject` there is no file for it; `InvalidInput` the file, or one it names, is wrong: which
   * file, which line, what to do; all problems of the file are in the one sentence. `Unavailable` it cannot be read.
   */
  readonly find: (project: ProjectSlug) => TaskEither<UnknownProject | InvalidInput | Unavailable, Project>
  /** Slugs of all projects that have a file, sorted; the files themselves may still be wrong. */
  readonly list: TaskEither<InvalidInput | Unavailable, ReadonlyArray<ProjectSlug>>
}
