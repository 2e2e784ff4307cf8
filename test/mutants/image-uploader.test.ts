import { imageUploaderContract } from '../contract/image-uploader.js'
import { mutants } from './image-uploader.js'
import { verifyMutants } from './mutants.js'

verifyMutants('ImageUploader', imageUploaderContract, mutants)
