import { imageArchiveContract } from '../contract/image-archive.js'
import { mutants } from './image-archive.js'
import { verifyMutants } from './mutants.js'

verifyMutants('ImageArchive', imageArchiveContract, mutants)
