import { verifyContract } from '../../contract/contract.js'
import { imageSourceContract } from '../../contract/image-source.js'
import { startMemorySource } from '../../support/uploaders.js'

verifyContract('memory ImageSource', imageSourceContract, () => startMemorySource())
