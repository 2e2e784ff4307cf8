import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { Unavailable } from '../domain/errors.js'
import type { Sensitive } from '../domain/sensitive.js'
import type { ProjectCounts } from '../ports/extract-repository.js'
import type { AuditReport } from './audit.js'
import type { AwaitSettled } from './await-settled.js'
import type { EnqueueExtract } from './enqueue-extract.js'
import type { StudyStory } from './explain.js'
import type { ReplaySelection } from './replay.js'
import type { Worker } from './worker.js'

/** What can be asked of an installation without changing it. */
export interface Questions {
  readonly status: TaskEither<Unavailable, ReadonlyArray<ProjectCounts>>
  readonly explain: (identifier: Sensitive<'Identifier'>) => TaskEither<Unavailable, ReadonlyArray<StudyStory>>
  readonly audit: TaskEither<Unavailable, AuditReport>
}

/** The use cases of an installation, wired. */
export interface Application extends Questions {
  readonly enqueueExtract: EnqueueExtract
  readonly startWorker: TaskEither<Unavailable, Worker>
  readonly awaitSettled: AwaitSettled
  readonly replay: (selection: ReplaySelection) => TaskEither<Unavailable, number>
  /** Frees everything; a worker must have been closed before. */
  readonly close: Task<void>
}
