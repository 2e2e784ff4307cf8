import { imageArchiveContract } from '../../contract/image-archive.js'
import { verifyContract } from '../../contract/contract.js'
import { startMemoryArchive } from '../../support/archives.js'

verifyContract('memory ImageArchive', imageArchiveContract, () => startMemoryArchive())
