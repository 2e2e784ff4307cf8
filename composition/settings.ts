import * as t from 'io-ts'
import * as E from 'fp-ts/lib/Either.js'
import type { InvalidInput } from '../domain/errors.js'
import { invalidInput } from '../domain/errors.js'
import { known, SecretName } from '../domain/identifiers.js'
import type { Secret } from '../domain/sensitive.js'
import { sensitive } from '../domain/sensitive.js'

type Environment = Readonly<Record<string, string | undefined>>

/** A number written as text that keeps a rule; '' counts as unset. */
const numberText = (name: string, keeps: (value: number) => boolean): t.Type<number, string, unknown> =>
  new t.Type<number, string, unknown>(
    name,
    t.number.is,
    (u, context) => {
      const value = typeof u === 'string' && u.trim() !== '' ? Number(u) : Number.NaN
      return Number.isFinite(value) && keeps(value) ? t.success(value) : t.failure(u, context)
    },
    String,
  )

const wholeFrom1 = numberText('a whole number from 1', (value) => Number.isInteger(value) && value >= 1)
const port = numberText('a port number', (value) => Number.isInteger(value) && value > 0 && value < 65_536)
const secretName = new t.Type<SecretName, string, unknown>(
  'a name of letters, digits and hyphens',
  SecretName.is,
  (u, context) => (SecretName.is(u) ? t.success(u) : t.failure(u, context)),
  String,
)
const logLevels = { trace: null, debug: null, info: null, warn: null, error: null, fatal: null, silent: null } as const

/** The environment variables this program reads; every one is optional here. */
const EnvironmentCodec = t.partial({
  LOG_LEVEL: t.keyof(logLevels),
  LOCAL_SALT_VALUE: t.string,
  AZURE_KEY_VAULT_SECRET_NAME: secretName,
  PIXL_MAX_MESSAGES_IN_FLIGHT: wholeFrom1,
  PIXL_DB_HOST: t.string,
  PIXL_DB_PORT: port,
  PIXL_DB_NAME: t.string,
  PIXL_DB_USER: t.string,
  PIXL_DB_PASSWORD: t.string,
})

/** How to reach the PostgreSQL of an installation. */
export interface DatabaseSettings {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret
}

/** What the environment says. */
export interface Settings {
  readonly logLevel: keyof typeof logLevels
  readonly localSalt: Secret
  /** Name of the installation key in the secret store. */
  readonly installationKeyName: SecretName
  readonly maxInFlight: number
  /** Null when `PIXL_DB_HOST` is not set. */
  readonly database: DatabaseSettings | null
}

const withoutEmpty = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''))

/** Reads the environment; all bad variables are named at once, never with their values. */
export const readSettings = (environment: Environment): E.Either<InvalidInput, Settings> => {
  const decoded = EnvironmentCodec.decode(withoutEmpty(environment))
  if (E.isLeft(decoded)) {
    const problems = decoded.left.map(({ context }) => {
      const last = context[context.length - 1]!
      return `${context[1]?.key ?? last.key} (expected ${last.type.name})`
    })
    return E.left(
      invalidInput(
        'environment',
        `not usable: ${[...new Set(problems)].sort().join(', ')}`,
        'correct or unset these variables',
      ),
    )
  }
  const env = decoded.right
  return E.right({
    logLevel: env.LOG_LEVEL ?? 'info',
    localSalt: sensitive(env.LOCAL_SALT_VALUE ?? ''),
    installationKeyName: env.AZURE_KEY_VAULT_SECRET_NAME ?? known(SecretName, 'pixl-installation-key'),
    maxInFlight: env.PIXL_MAX_MESSAGES_IN_FLIGHT ?? 5,
    database:
      env.PIXL_DB_HOST === undefined
        ? null
        : {
            host: env.PIXL_DB_HOST,
            port: env.PIXL_DB_PORT ?? 5432,
            database: env.PIXL_DB_NAME ?? 'pixl',
            user: env.PIXL_DB_USER ?? 'pixl',
            password: sensitive(env.PIXL_DB_PASSWORD ?? ''),
          },
  })
}
