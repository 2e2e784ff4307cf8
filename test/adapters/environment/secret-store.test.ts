import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { makeEnvironmentSecretStore } from '../../../adapters/environment/secret-store.js'
import { known, SecretName } from '../../../domain/identifiers.js'
import { verifyContract } from '../../contract/contract.js'
import type { SecretStoreHarness } from '../../contract/secret-store.js'
import { secretStoreContract } from '../../contract/secret-store.js'

const variableOf = (name: SecretName): string => name.toUpperCase().replaceAll('-', '_')

const startHarness = (nameOf: (name: SecretName) => string) => async (): Promise<SecretStoreHarness> => {
  const environment: Record<string, string | undefined> = {}
  return {
    store: makeEnvironmentSecretStore(environment),
    writable: false,
    put: async (name, value) => {
      environment[nameOf(name)] = value
    },
    forbid: null,
    stopStore: null,
    close: async () => undefined,
  }
}

verifyContract('environment SecretStore, capitals', secretStoreContract, startHarness(variableOf))
verifyContract('environment SecretStore, exact names', secretStoreContract, startHarness(String))

describe('environment SecretStore', () => {
  const name = known(SecretName, 'my-project--ftp--host')
  const valueIn = async (environment: Record<string, string | undefined>): Promise<string> => {
    const result = await makeEnvironmentSecretStore(environment).read(name)()
    return E.isRight(result) ? result.right.reveal() : result.left._tag
  }

  it('prefers the variable named exactly like the secret', async () =>
    expect(await valueIn({ MY_PROJECT__FTP__HOST: 'capitals', 'my-project--ftp--host': 'exact' })).to.equal('exact'))

  it('takes a variable that is undefined as absent', async () =>
    expect(await valueIn({ MY_PROJECT__FTP__HOST: undefined })).to.equal('SecretNotFound'))
})
