import { secretStoreContract } from '../contract/secret-store.js'
import { verifyMutants } from './mutants.js'
import { mutants } from './secret-store.js'

verifyMutants('SecretStore', secretStoreContract, mutants)
