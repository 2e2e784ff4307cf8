import { inspect } from 'node:util'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { readSettings } from '../../composition/settings.js'
import { describeError } from '../../domain/errors.js'

describe('settings', () => {
  const settingsOf = (environment: Record<string, string>) => {
    const settings = readSettings(environment)
    if (E.isLeft(settings)) throw new Error(describeError(settings.left))
    return settings.right
  }

  it('needs nothing', () => {
    expect(settingsOf({})).to.deep.include({
      logLevel: 'info',
      installationKeyName: 'pixl-installation-key',
      maxInFlight: 5,
      database: null,
    })
  })

  it('takes an empty variable for one that is not set', () => {
    expect(settingsOf({ LOG_LEVEL: '', PIXL_MAX_MESSAGES_IN_FLIGHT: ' ', PIXL_DB_HOST: '' })).to.include({
      logLevel: 'info',
      maxInFlight: 5,
      database: null,
    })
  })

  it('reads every variable', () => {
    const { localSalt, database, ...rest } = settingsOf({
      LOG_LEVEL: 'warn',
      LOCAL_SALT_VALUE: 'pepper',
      AZURE_KEY_VAULT_SECRET_NAME: 'hashing-key',
      PIXL_MAX_MESSAGES_IN_FLIGHT: '7',
      PIXL_DB_HOST: 'db',
      PIXL_DB_PORT: '6543',
      PIXL_DB_NAME: 'studies',
      PIXL_DB_USER: 'me',
      PIXL_DB_PASSWORD: ' spaced ',
    })
    expect(rest).to.deep.include({ logLevel: 'warn', installationKeyName: 'hashing-key', maxInFlight: 7 })
    expect(localSalt.reveal()).to.equal('pepper')
    expect(database).to.include({ host: 'db', port: 6543, database: 'studies', user: 'me' })
    expect(database!.password.reveal()).to.equal(' spaced ')
    expect(inspect(database) + JSON.stringify(database)).not.to.contain('spaced')
  })

  it('names every bad variable at once, and never its value', () => {
    const bad = {
      LOG_LEVEL: 'ZZLEAK-loud',
      PIXL_MAX_MESSAGES_IN_FLIGHT: '0ZZLEAK',
      PIXL_DB_PORT: 'ZZLEAK',
      AZURE_KEY_VAULT_SECRET_NAME: 'ZZLEAK not a name',
    }
    const settings = readSettings({ ...bad, PIXL_DB_PASSWORD: 'ZZLEAK-password' })
    if (E.isRight(settings)) throw new Error('expected a refusal')
    const sentence = describeError(settings.left)
    for (const name of Object.keys(bad)) expect(sentence).to.contain(name)
    expect(sentence).not.to.contain('PIXL_DB_PASSWORD')
    expect(inspect(settings.left, { depth: 9 }) + sentence).not.to.contain('ZZLEAK')
  })

  for (const [name, values] of Object.entries({
    PIXL_MAX_MESSAGES_IN_FLIGHT: ['0', '-1', '1.5', 'NaN', 'Infinity', '5 at once'],
    PIXL_DB_PORT: ['0', '65536', '5432.5', '-5432', 'postgres'],
    LOG_LEVEL: ['INFO', 'verbose', 'toString', '__proto__'],
    AZURE_KEY_VAULT_SECRET_NAME: ['a/b', '-a', 'a_b', 'x'.repeat(200)],
  }))
    it(`refuses a bad ${name}`, () => {
      for (const value of values) expect(E.isLeft(readSettings({ [name]: value })), value).to.equal(true)
    })
})
