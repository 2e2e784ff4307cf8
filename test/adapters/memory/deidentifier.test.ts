import { verifyContract } from '../../contract/contract.js'
import { deidentifierContract } from '../../contract/deidentifier.js'
import { startMemoryHarness } from '../../support/memory-deidentifier.js'

verifyContract('memory Deidentifier', deidentifierContract, () => startMemoryHarness())
