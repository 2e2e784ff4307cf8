import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import { unfinishedStates } from '../../application/await-settled.js'
import type { ImageState } from '../../domain/extract.js'
import { rateOf } from '../../domain/token-bucket.js'
import { checkEnd, checkNow } from './checks.js'
import type { SimStudy } from './hospital.js'
import type { Protections } from './protections.js'
import { allProtections } from './protections.js'
import type { Random } from './random.js'
import { makeRandom } from './random.js'
import { makeScheduler } from './scheduler.js'
import type { World } from './world.js'
import { makeWorld, queues, requestOf, startWorker } from './world.js'

/** What became of one schedule. */
export interface Outcome {
  readonly seed: number
  /** Broken promises and rules; empty = all held. */
  readonly violations: ReadonlyArray<string>
  /** How long it took in simulated time. */
  readonly simulatedMs: number
  readonly deaths: number
}

/** How long things go wrong, and how long everything then has to end. */
const troubleMs = 120_000
const patienceMs = 4 * 3600_000

const makeStudy = (random: Random, n: number): SimStudy => ({
  uid: `${n + 1}`,
  series: ['1', '2', '3'].slice(0, 1 + random.below(3)),
  archive: random.chance(0.8) ? 'primary' : random.pick(['secondary', 'none'] as const),
  // Now and then a study takes longer than a lease.
  retrieveMs: random.chance(0.1) ? 100_000 : random.below(3000),
  sendMs: random.chance(0.1) ? 100_000 : random.below(3000),
  isUnreadable: random.chance(0.05),
})

/** One asking: a study, whole or some of its series, by an extract. */
const randomRequest = (world: World, extract: string) => {
  const study = world.random.pick(world.studies)
  const series = world.random.chance(0.5) ? [] : [world.random.pick(['1', '2', '3'])]
  return requestOf(study, series, extract)
}

const enqueue = async (world: World, asked: Set<string>, extract: string): Promise<void> => {
  const requests = Array.from({ length: 1 + world.random.below(2) }, () => randomRequest(world, extract))
  for (const { mrn } of requests) asked.add(mrn!.reveal())
  await world.repository.recordRequests(
    requests as unknown as NonEmptyArray<(typeof requests)[number]>,
    1,
    queues.primary,
  )()
}

/** What operators and the outside world do, at random times. */
const disturbances: ReadonlyArray<(world: World, asked: Set<string>) => Promise<void>> = [
  (world, asked) => enqueue(world, asked, `extract ${world.random.below(3)}`),
  (world, asked) => enqueue(world, asked, `extract ${world.random.below(3)}`),
  async ({ bus }) => bus.loseAllMessages(),
  async ({ bus }) => bus.dropConnection(),
  async (world) => {
    world.bus.setReachable(false)
    await world.scheduler.sleep(world.random.below(30_000))
    world.bus.setReachable(true)
  },
  async ({ weather, scheduler, random }) => {
    weather.archiveOut = true
    await scheduler.sleep(random.below(60_000))
    weather.archiveOut = false
  },
  async ({ weather, scheduler, random }) => {
    const trouble = random.pick(['destinationOut', 'destinationFull'] as const)
    weather[trouble] = true
    await scheduler.sleep(random.below(60_000))
    weather[trouble] = false
  },
  async ({ limiter, scheduler, random }) => {
    await limiter.setRate('primary', rateOf(0, 2))()
    await scheduler.sleep(random.below(60_000))
    await limiter.setRate('primary', rateOf(2, 2))()
  },
  async ({ repository, bus, scheduler, random }) => {
    await bus.purge(queues.primary)()
    await repository.move('hold', { queue: queues.primary })()
    await scheduler.sleep(random.below(60_000))
    await repository.move('resume', {})()
  },
  async ({ repository }) => void (await repository.move('cancel', {})()),
  async ({ repository }) => void (await repository.move('replay', {})()),
]

const disturb = async (world: World, asked: Set<string>): Promise<void> => {
  const { scheduler, random } = world
  for (let left = random.below(4); left > 0; left--) {
    await scheduler.sleep(random.below(troubleMs / 3))
    await random.pick(disturbances)(world, asked)
  }
}

/** A worker that comes back some time after it died. */
const keepWorking = async (world: World, died: () => void): Promise<void> =>
  startWorker(world, () => {
    died()
    void world.scheduler.sleep(1000 + world.random.below(20_000)).then(() => keepWorking(world, died))
  })

/** Runs one schedule to its end. The same seed and protections give the same schedule. */
export const simulate = async (seed: number, protections: Protections = allProtections): Promise<Outcome> => {
  const random = makeRandom(seed)
  const scheduler = makeScheduler(random)
  const studies = Array.from({ length: 2 + random.below(2) }, (_, n) => makeStudy(random, n))
  const destinations = random.chance(0.3) ? ['folder', 'elsewhere'] : ['folder']
  const world = makeWorld(scheduler, random, studies, destinations, protections)
  const startedAt = scheduler.nowMs()
  const asked = new Set<string>()
  let deaths = 0

  world.rates = random.chance(0.2)
    ? { crash: 0, failure: 0, delay: 0 }
    : { crash: random.next() * 0.03, failure: random.next() * 0.1, delay: random.next() * 0.03 }
  void scheduler.sleep(troubleMs).then(async () => {
    world.rates = { crash: 0, failure: 0, delay: 0 }
    Object.assign(world.weather, { archiveOut: false, destinationOut: false, destinationFull: false })
  })
  let disturbed = false
  const begin = async (): Promise<void> => {
    await enqueue(world, asked, 'extract 0')
    for (let n = 0; n < 2; n++) void keepWorking(world, () => deaths++)
    await disturb(world, asked)
    disturbed = true
  }
  void begin()

  const unfinished: ReadonlyArray<ImageState> = [...unfinishedStates, 'held']
  let checkedAt = -1
  const isSettled = (): boolean => {
    const now = scheduler.nowMs()
    if (now !== checkedAt) checkNow(world)
    checkedAt = now
    if (world.seen.length > 0) return true
    return disturbed && world.repository.rows().every(({ state }) => !unfinished.includes(state))
  }
  await scheduler.run(patienceMs, isSettled)
  const violations = await checkEnd(world, asked)
  return { seed, violations, simulatedMs: scheduler.nowMs() - startedAt, deaths }
}
