import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { Random } from '../../adapters/synthetic/random.js'
import type { PixlError } from '../../domain/errors.js'
import { describeError } from '../../domain/errors.js'

/** A reader of foreign bytes under test. */
export interface Target {
  readonly name: string
  /** How many inputs take about a second. */
  readonly runs: number
  readonly open: () => Promise<OpenTarget>
}

/** A target with the valid inputs its mutations start from. */
export interface OpenTarget {
  /** An input that is only a little wrong; the same numbers give the same input. */
  readonly make: (random: Random) => Uint8Array
  /** Feeds one input and rejects when the reader broke a promise. */
  readonly check: (input: Uint8Array) => Promise<void>
  readonly close: () => Promise<void>
}

/** A promise that was broken. The message says which, and is the same for inputs that break it in the same way. */
export class Violation extends Error {}

/** Ends a check unless the promise is kept. */
export const promise: (kept: boolean, broken: string) => asserts kept = (kept, broken) => {
  if (!kept) throw new Violation(broken)
}

/** A fresh directory, in memory where there is such a thing: inputs are many, and disks slow. */
export const makeScratch = (): Promise<string> =>
  mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pixl-fuzz-'))

/** Texts planted in inputs all begin like this. */
export const markerPrefix = 'ZQMARK'

/** A text that stands for an identifier. */
export const makeMarker = (random: Random, kind = ''): string => `${markerPrefix}${kind}${random.digits(6)}`

/** Whether any printed form of a value holds a marker. */
const leaks = (value: unknown): boolean =>
  `${inspect(value, { depth: 20 })} ${JSON.stringify(value)} ${String(value)}`.toUpperCase().includes(markerPrefix)

/** No printed form of something that may be logged holds a marker. */
export const promiseNoMarker = (value: unknown, what: string): void => promise(!leaks(value), `${what} holds a marker`)

const tagOf = (value: unknown): string => String((value as { _tag?: unknown } | null)?._tag)

/** An error is of a declared kind, tells itself in a sentence and holds no marker. */
export const promiseError = (error: unknown, ...kinds: ReadonlyArray<PixlError['_tag']>): void => {
  promise(
    kinds.some((kind) => kind === tagOf(error)),
    `the error is a ${tagOf(error)}`,
  )
  promiseNoMarker(error, 'the error')
  promiseNoMarker(describeError(error as PixlError), 'the sentence of the error')
}

/** What a throwing call threw, as a violation; violations pass. */
export const orViolation = async <A>(what: string, run: () => A | Promise<A>): Promise<A> => {
  try {
    return await run()
  } catch (caught) {
    if (caught instanceof Violation) throw caught
    const { name = typeof caught, code = '' } = (caught ?? {}) as { name?: string; code?: string }
    const where = caught instanceof Error ? (/at (?:async )?(\S+) \(/.exec(caught.stack ?? '')?.[1] ?? '') : ''
    throw new Violation(`${what} throws ${name} ${code} in ${where}`.trim(), { cause: caught })
  }
}
