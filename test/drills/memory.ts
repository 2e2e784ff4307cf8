import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { LargeStudy } from '../../adapters/synthetic/large-study.js'
import type { Ended, Program } from '../e2e/installation.js'
import { makeInstallation } from '../e2e/installation.js'

const idleScript = fileURLToPath(new URL('./idle.mjs', import.meta.url))
const application = fileURLToPath(new URL('../../dist/composition/index.js', import.meta.url))

/** What a process holds now and has held at most, in MiB. */
export interface Resident {
  readonly now: number
  readonly peak: number
}

/** Null where it has ended or the system does not tell. */
const residentOf = async (pid: number): Promise<Resident | null> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibi = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN)
  const [now, peak] = [kibi('VmRSS') / 1024, kibi('VmHWM') / 1024]
  return Number.isNaN(now) || Number.isNaN(peak) ? null : { now, peak }
}

/** Waits until the memory of an idle process no longer changes, and tells it. */
const settled = async ({ pid }: Program): Promise<Resident> => {
  for (let before = Infinity; ;) {
    const found = await residentOf(pid)
    if (found === null) throw new Error('the idle application has ended')
    if (Math.abs(found.now - before) < 1) return found
    before = found.now
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** The peak of a process, read until it ends. */
const peakUntilEnd = async ({ pid, ended }: Program): Promise<number> => {
  let peak = 0
  let running = true
  void ended.finally(() => (running = false))
  while (running) {
    peak = (await residentOf(pid))?.peak ?? peak
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return peak
}

/** What an export cost, in MiB of resident memory. */
export interface MemoryDrill {
  readonly idle: Resident
  readonly peak: number
  readonly last: Ended
}

/** Opens the application idle, then exports a large study by `pixl run`, each in a process of its own. */
export const memoryDrill = async (study: LargeStudy): Promise<MemoryDrill> => {
  const installation = await makeInstallation(study)
  const { state, out } = installation
  const rest = async (): Promise<Resident> => {
    const program = installation.start([application, state, study.images, study.projects, out], { script: idleScript })
    await program.says(/^idle$/m)
    const resident = await settled(program)
    program.signal('SIGTERM')
    await program.ended
    return resident
  }
  // The first opening unpacks the database, which the second, like the run, does not.
  await rest()
  const idle = await rest()
  const run = installation.startRun(study.cohortCsv, ['--json'])
  const [peak, last] = await Promise.all([peakUntilEnd(run), run.ended])
  return { idle, peak, last }
}
