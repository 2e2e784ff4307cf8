import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Application, Questions } from '../../application/application.js'
import type { InvalidInput, SecretError, Unavailable, UnknownProject } from '../../domain/errors.js'
import type { ProjectSlug } from '../../domain/identifiers.js'
import type { ReplaySelection } from '../../application/replay.js'

/** What `pixl run` is told. */
export interface RunOptions {
  readonly state: string
  readonly images: string
  readonly projects: string
  readonly out: string
  readonly rate?: number
  readonly maxInFlight?: number
}

export type HostError = InvalidInput | SecretError | Unavailable

/** An installation opened for questions and operators' moves; `close` frees it. */
export interface Console extends Questions {
  readonly replay: (selection: ReplaySelection) => TaskEither<HostError, number>
  readonly close: () => Promise<void>
}

/** What the demo's hospital is and what a run over it must give. */
export interface DemoHospital {
  readonly extract: string
  readonly images: string
  readonly projects: string
  /** Counts and reasons by project. */
  readonly expected: Readonly<
    Record<
      string,
      {
        readonly total: number
        readonly exported: number
        readonly skipped: number
        readonly absent: number
        readonly failed: number
        readonly reasons: Readonly<Record<string, number>>
      }
    >
  >
}

/** Everything the command line needs from outside; the composition root provides it. */
export interface CliHost {
  readonly openRun: (options: RunOptions) => TaskEither<HostError, Application>
  /** `state` undefined: PostgreSQL when `PIXL_DB_HOST` is set, else `.pixl`. */
  readonly openConsole: (state: string | undefined) => TaskEither<HostError, Console>
  readonly checkProjects: (directory: string) => TaskEither<HostError, ReadonlyArray<ProjectCheck>>
  readonly makeDemoHospital: (directory: string) => Promise<DemoHospital>
  readonly version: string
  readonly terminal: Terminal
}

export interface ProjectCheck {
  readonly project: ProjectSlug
  /** Null when its configuration is right. */
  readonly problem: InvalidInput | UnknownProject | Unavailable | null
}

/** Where the program prints and what it hears. */
export interface Terminal {
  /** Results. */
  readonly out: (line: string) => void
  /** Progress and problems. */
  readonly err: (line: string) => void
  /** Whether a person watches `err`. */
  readonly isInteractive: boolean
  /** Calls back at the first request to stop; a second one ends the process at once. */
  readonly onStop: (listener: () => void) => void
  readonly readInput: () => Promise<string>
}

/** Exit codes of `pixl`. */
export const exitCodes = { done: 0, couldNotRun: 1, someFailed: 2, stoppedEarly: 3 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
