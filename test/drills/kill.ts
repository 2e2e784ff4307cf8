import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import type { Random } from '../../adapters/synthetic/random.js'
import { makeRandom } from '../../adapters/synthetic/random.js'
import type { Ended, Installation } from '../e2e/installation.js'
import { makeInstallation } from '../e2e/installation.js'

/** How lives of `pixl run` ended that were killed without warning. */
export interface KillDrill {
  readonly installation: Installation
  readonly kills: ReadonlyArray<{
    /** What the wait of `afterMs` began with: the process, or its work. */
    readonly from: 'start' | 'work'
    readonly afterMs: number
    /** What it was doing then, as far as it had said. */
    readonly during: 'start-up' | 'work' | 'after the end'
  }>
  /** The run that was left to finish. */
  readonly last: Ended
}

/** A life is killed within so long of its start, or of the moment it begins to work. */
const longestWaitMs = 1500
/** Slow enough that work is left for every life. */
const studiesPerSecond = 6

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Lives one `pixl run` and kills it with SIGKILL at a random moment: half of them while starting, half at work. */
const live = async (
  installation: Installation,
  cohort: string,
  random: Random,
): Promise<KillDrill['kills'][number]> => {
  const [from, afterMs] = [random.pick(['start', 'work'] as const), random.below(longestWaitMs)]
  const program = installation.startRun(cohort, ['--rate', String(studiesPerSecond)])
  // Told by what it prints rather than by a clock, so that a busy machine changes nothing.
  if (from === 'work') await program.says(/^Read /m)
  await Promise.race([pause(afterMs), program.ended])
  program.signal('SIGKILL')
  const { signal, err } = await program.ended
  const during = signal === null ? 'after the end' : /^Read /m.test(err) ? 'work' : 'start-up'
  return { from, afterMs, during }
}

/** Kills `pixl run` again and again at moments drawn from the seed, then lets it run to the end. */
export const killDrill = async (
  hospital: Pick<SyntheticHospital, 'images' | 'projects' | 'extract'>,
  { seed, kills }: { readonly seed: number; readonly kills: number },
): Promise<KillDrill> => {
  const random = makeRandom(seed)
  const installation = await makeInstallation(hospital)
  const endings: Array<KillDrill['kills'][number]> = []
  for (let i = 0; i < kills; i++) endings.push(await live(installation, hospital.extract, random))
  return { installation, kills: endings, last: await installation.run(hospital.extract, ['--json']) }
}

/** An installation with the keys of another: an undisturbed run in it must deliver the same bytes. */
export const twinOf = async (
  { state }: Installation,
  hospital: Pick<SyntheticHospital, 'images' | 'projects'>,
): Promise<Installation> => {
  const twin = await makeInstallation(hospital)
  await mkdir(twin.state, { mode: 0o700 })
  await cp(join(state, 'secrets'), join(twin.state, 'secrets'), { recursive: true })
  return twin
}
