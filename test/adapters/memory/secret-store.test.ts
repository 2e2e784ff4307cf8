import { makeMemorySecretStore } from '../../../adapters/memory/secret-store.js'
import { verifyContract } from '../../contract/contract.js'
import type { SecretStoreHarness } from '../../contract/secret-store.js'
import { secretStoreContract } from '../../contract/secret-store.js'

const startMemoryHarness = async (): Promise<SecretStoreHarness> => {
  const store = makeMemorySecretStore()
  return {
    store,
    writable: true,
    put: async (name, value) => store.put(name, value),
    forbid: async (name) => store.forbid(name),
    stopStore: async () => store.setAvailable(false),
    close: async () => undefined,
  }
}

verifyContract('memory SecretStore', secretStoreContract, startMemoryHarness)
