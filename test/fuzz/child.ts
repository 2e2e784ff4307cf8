import { writeSync } from 'node:fs'
import { makeRandom } from '../../adapters/synthetic/random.js'
import { minimise } from './mutate.js'
import type { OpenTarget, Target } from './target.js'
import { Violation } from './target.js'

/** What the parent wants to be run; the only argument, as JSON. */
export interface Job {
  /** Targets with the number of inputs, one seed each; null = until `seconds` are over. One process runs them in turn. */
  readonly targets: ReadonlyArray<{ readonly name: string; readonly runs: number | null }>
  readonly seed: number
  readonly seconds: number
  /** The module that exports the targets, when it is not that of the readers. */
  readonly module?: string
  /** Without a word for this long, a process hangs. */
  readonly silenceMs?: number
  /** More of the processor than any input of these sizes may take. */
  readonly mostCpuMs?: number
}

/** What the child tells, one line of JSON each. */
export type Report =
  | { readonly _tag: 'Running'; readonly target: string; readonly seed: number }
  | {
      readonly _tag: 'Found'
      readonly target: string
      readonly seed: number
      readonly broken: string
      readonly detail: string
      readonly input: string
    }
  | { readonly _tag: 'Done'; readonly target: string; readonly runs: number; readonly seconds: number }

/** How far one input may raise the memory of the process beyond what the inputs before it took. */
const mostGrowthKilobytes = 192 * 1024
/** The first inputs fill caches and load native code. */
const warmUp = 20

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Synchronous, so that the parent knows the input at which this process hangs or dies. */
const tell = (report: Report): void => {
  let rest = Buffer.from(`${JSON.stringify(report)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (caught) {
      // The pipe is full: the parent is behind.
      if ((caught as { code?: string }).code !== 'EAGAIN') throw caught
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

const brokenBy = async (target: OpenTarget, input: Uint8Array): Promise<{ broken: string; detail: string } | null> => {
  try {
    await target.check(input)
    return null
  } catch (caught) {
    const broken = caught instanceof Violation ? caught.message : `the check itself fails: ${String(caught)}`
    return {
      broken,
      detail: String((caught as Error).cause instanceof Error ? ((caught as Error).cause as Error).stack : ''),
    }
  }
}

const run = async (chosen: Target, runs: number | null, { seed, seconds, mostCpuMs = 4_000 }: Job): Promise<void> => {
  const { name } = chosen
  const target = await chosen.open()
  const known = new Set<string>()
  const started = performance.now()
  const left = (): boolean => performance.now() - started < seconds * 1000
  const found = (at: number, broken: string, detail: string, input: Uint8Array): void => {
    known.add(broken)
    tell({ _tag: 'Found', target: name, seed: at, broken, detail, input: Buffer.from(input).toString('base64') })
  }
  let done = 0
  try {
    for (; runs === null ? left() : done < runs; done++) {
      tell({ _tag: 'Running', target: name, seed: seed + done })
      const input = target.make(makeRandom(seed + done))
      const before = { cpu: process.cpuUsage(), memory: process.resourceUsage().maxRSS }
      const failure = await brokenBy(target, input)
      const { user, system } = process.cpuUsage(before.cpu)
      const growth = process.resourceUsage().maxRSS - before.memory
      if (failure !== null && !known.has(failure.broken)) {
        const fails = async (smaller: Uint8Array) => (await brokenBy(target, smaller))?.broken === failure.broken
        found(seed + done, failure.broken, failure.detail, await minimise(input, fails))
      }
      if ((user + system) / 1000 > mostCpuMs && done > 0 && !known.has('slow')) found(seed + done, 'slow', '', input)
      if (growth > mostGrowthKilobytes && done > warmUp && !known.has('memory')) found(seed + done, 'memory', '', input)
    }
  } finally {
    await target.close()
  }
  tell({ _tag: 'Done', target: name, runs: done, seconds: (performance.now() - started) / 1000 })
}

const job = JSON.parse(process.argv[2]!) as Job
const { targets } = (await import(job.module ?? './targets/index.js')) as { targets: ReadonlyArray<Target> }
for (const { name, runs } of job.targets)
  await run(
    targets.find((one) => one.name === name)!,
    runs,
    job,
  )
