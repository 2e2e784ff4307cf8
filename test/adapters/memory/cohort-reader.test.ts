import { makeMemoryCohortReader } from '../../../adapters/memory/cohort-reader.js'
import type { CohortReaderHarness } from '../../contract/cohort-reader.js'
import { cohortReaderContract } from '../../contract/cohort-reader.js'
import { verifyContract } from '../../contract/contract.js'

const start = async (): Promise<CohortReaderHarness> => {
  const reader = makeMemoryCohortReader()
  let placed = 0
  return {
    reader,
    says: { projects: true, participants: true, series: true },
    place: async (rows) => {
      placed += 1
      reader.put(`cohort ${placed}`, rows)
      return `cohort ${placed}`
    },
    missing: async () => 'nowhere',
    breakDisk: async () => reader.breakDisk(),
    held: async () => reader.openCohorts(),
    close: async () => undefined,
  }
}

verifyContract('memory CohortReader', cohortReaderContract, start)
