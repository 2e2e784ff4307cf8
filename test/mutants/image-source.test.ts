import { imageSourceContract } from '../contract/image-source.js'
import { mutants } from './image-source.js'
import { verifyMutants } from './mutants.js'

verifyMutants('ImageSource', imageSourceContract, mutants)
