import { deidentifierContract } from '../contract/deidentifier.js'
import { mutants } from './deidentifier.js'
import { verifyMutants } from './mutants.js'

verifyMutants('Deidentifier', deidentifierContract, mutants)
