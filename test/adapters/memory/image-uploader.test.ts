import { verifyContract } from '../../contract/contract.js'
import { imageUploaderContract } from '../../contract/image-uploader.js'
import { startMemoryUploader } from '../../support/uploaders.js'

verifyContract('memory ImageUploader', imageUploaderContract, () => startMemoryUploader())
