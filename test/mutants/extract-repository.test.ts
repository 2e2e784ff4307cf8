import { extractRepositoryContract } from '../contract/extract-repository.js'
import { mutants } from './extract-repository.js'
import { verifyMutants } from './mutants.js'

verifyMutants('ExtractRepository', extractRepositoryContract, mutants)
