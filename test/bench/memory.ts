import { writeLargeStudy } from '../../adapters/synthetic/large-study.js'
import { memoryDrill } from '../drills/memory.js'
import { requireBuild } from '../e2e/installation.js'
import { temporaryDirectory } from '../support/directories.js'
import type { Bench } from './measurement.js'
import { measurement } from './measurement.js'

/** Peak of resident memory while a study of 2 GB is exported, above what the idle application holds. */
export const memory: Bench = async () => {
  await requireBuild()
  const { idle, peak, last } = await memoryDrill(await writeLargeStudy(await temporaryDirectory(), 2e9))
  if (last.code !== 0) throw new Error(last.err)
  return [
    measurement('idle application', 'MiB', idle.now, '<= 600'),
    measurement('peak while exporting 2 GB', 'MiB', peak, '<= 600'),
    measurement('cost of exporting 2 GB above idle', 'MiB', peak - idle.now, '<= 150'),
  ]
}
