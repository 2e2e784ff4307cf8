import { cohortReaderContract } from '../contract/cohort-reader.js'
import { mutants } from './cohort-reader.js'
import { verifyMutants } from './mutants.js'

verifyMutants('CohortReader', cohortReaderContract, mutants)
