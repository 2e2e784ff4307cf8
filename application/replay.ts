import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { Unavailable } from '../domain/errors.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { PublishDue } from './publish-due.js'

export interface ReplaySelection {
  readonly only?: 'failed' | 'absent'
  readonly project?: ProjectSlug
}

/** Gives failed and absent studies another try, with all their attempts; tells how many. */
export const makeReplay =
  (deps: { readonly extracts: ExtractRepository; readonly publishDue: PublishDue }) =>
  ({ only, project }: ReplaySelection): TE.TaskEither<Unavailable, number> =>
    pipe(
      deps.extracts.move('replay', {
        states: only === undefined ? ['failed', 'absent'] : [only],
        ...(project === undefined ? {} : { project }),
      }),
      TE.tap(() => deps.publishDue),
    )
