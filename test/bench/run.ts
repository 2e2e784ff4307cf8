import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { lastLine, makeInstallation, requireBuild } from '../e2e/installation.js'
import { temporaryDirectory } from '../support/directories.js'
import type { Bench } from './measurement.js'
import { measurement, median } from './measurement.js'

const scale = 20
const rounds = 3

/** Studies per second of whole runs over a hospital of small studies: what a study costs besides its bytes. */
export const run: Bench = async () => {
  await requireBuild()
  const hospital = await makeSyntheticHospital(await temporaryDirectory(), { scale })
  const rates: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const one = await makeInstallation(hospital)
    const ended = await one.run(hospital.extract, ['--json'], { env: { LOG_LEVEL: 'info' } })
    if (ended.code !== 2) throw new Error(ended.err)
    const { durationMs } = lastLine(ended) as { durationMs: number }
    rates.push(hospital.expected.extract['lung-nodules']!.total / (durationMs / 1000))
  }
  return [measurement('run over small studies, start-up included', 'studies/s', median(rates), '>= 20')]
}
