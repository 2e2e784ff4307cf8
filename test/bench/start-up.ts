import { fileURLToPath } from 'node:url'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeInstallation, requireBuild } from '../e2e/installation.js'
import { temporaryDirectory } from '../support/directories.js'
import type { Bench } from './measurement.js'
import { measurement, median, secondsOf } from './measurement.js'

const idleScript = fileURLToPath(new URL('../drills/idle.mjs', import.meta.url))
const application = fileURLToPath(new URL('../../dist/composition/index.js', import.meta.url))
const rounds = 5

/** From the start of a process until the embedded application is open: on an empty state directory, and again. */
export const startUp: Bench = async () => {
  await requireBuild()
  const hospital = await makeSyntheticHospital(await temporaryDirectory())
  const [first, second]: [Array<number>, Array<number>] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const one = await makeInstallation(hospital)
    for (const times of [first, second]) {
      const program = one.start([application, one.state, hospital.images, hospital.projects, one.out], {
        script: idleScript,
      })
      times.push(await secondsOf(() => program.says(/^idle$/m)))
      program.signal('SIGTERM')
      await program.ended
    }
  }
  return [
    measurement('first start on an empty state directory', 's', median(first), '<= 5'),
    measurement('later start', 's', median(second), '<= 2.5'),
  ]
}
