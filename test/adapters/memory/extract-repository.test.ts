import { makeMemoryClock } from '../../../adapters/memory/clock.js'
import { makeMemoryExtractRepository } from '../../../adapters/memory/extract-repository.js'
import { verifyContract } from '../../contract/contract.js'
import type { ExtractRepositoryHarness } from '../../contract/extract-repository.js'
import { extractRepositoryContract } from '../../contract/extract-repository.js'

export const startMemoryHarness = async (): Promise<ExtractRepositoryHarness> => {
  const clock = makeMemoryClock()
  const repository = makeMemoryExtractRepository(clock)
  return {
    repository,
    elapse: (ms) => clock.advance(ms),
    writeForeignRow: repository.writeForeignRow,
    exportForeign: repository.exportForeign,
    close: () => Promise.resolve(),
  }
}

verifyContract('memory ExtractRepository', extractRepositoryContract, startMemoryHarness)
