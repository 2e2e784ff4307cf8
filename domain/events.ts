import type { Target } from './ending.js'
import type { Cause } from './errors.js'
import type { ImageState } from './extract.js'
import type { CorrelationId, DestinationName, ProjectSlug, PseudoStudyUid } from './identifiers.js'
import type { LeftOut, Reason } from './reasons.js'

/** How telemetry names a study: by its pseudonym once it has one, by a keyed hash before that. */
export type StudyName = PseudoStudyUid | CorrelationId

/** Everything telemetry may say. A closed union: what has no field here cannot be logged. */
export type PipelineEvent =
  | {
      readonly _tag: 'CohortEnqueued'
      readonly rows: number
      readonly added: number
      readonly known: number
      readonly exported: number
      readonly rejected: number
    }
  | {
      /** What a folder of images holds; damaged and unreadable files may be why a study is absent. */
      readonly _tag: 'ArchiveScanned'
      readonly files: number
      readonly studies: number
      readonly notDicom: number
      readonly damaged: number
      readonly unreadable: number
    }
  | {
      readonly _tag: 'StudyClaimed'
      readonly project: ProjectSlug
      readonly study: StudyName
      readonly attempts: number
    }
  | {
      readonly _tag: 'StudyDelivered'
      readonly project: ProjectSlug
      readonly study: PseudoStudyUid
      readonly destination: DestinationName
      readonly outcome: 'stored' | 'alreadyPresent' | 'pending'
      readonly bytes: number | null
      readonly durationMs: number
    }
  | {
      readonly _tag: 'InstancesLeftOut'
      readonly project: ProjectSlug
      readonly study: PseudoStudyUid
      readonly leftOut: LeftOut
    }
  | {
      readonly _tag: 'StudyEnded'
      readonly project: ProjectSlug
      readonly study: StudyName
      readonly state: ImageState
      readonly reason: Reason | null
      readonly leftOut: LeftOut
    }
  | {
      readonly _tag: 'StudyGivenBack'
      readonly project: ProjectSlug
      readonly study: StudyName
      readonly why: 'capacity' | 'paused' | 'breaker' | 'alone' | 'shutdown'
      readonly afterMs: number
    }
  | {
      readonly _tag: 'StudyRetried'
      readonly project: ProjectSlug
      readonly study: StudyName
      readonly error: string
      readonly counted: boolean
    }
  | {
      readonly _tag: 'BreakerMoved'
      readonly target: Target
      readonly to: 'open' | 'closed'
      readonly error: string | null
    }
  | { readonly _tag: 'ClaimLost'; readonly project: ProjectSlug; readonly study: StudyName }
  | { readonly _tag: 'Swept'; readonly published: number; readonly expired: number; readonly forgotten: number }
  | { readonly _tag: 'PortFailed'; readonly during: string; readonly error: string; readonly cause: Cause | null }
  | { readonly _tag: 'HandlerCrashed'; readonly during: string; readonly cause: Cause }
