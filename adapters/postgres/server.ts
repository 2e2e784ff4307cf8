import type { Knex } from 'knex'
import knexModule from 'knex'
import type { Secret } from '../../domain/sensitive.js'

/** Where a PostgreSQL server is and who asks it. */
export interface ServerConnection {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret
}

/** Knex prints failed statements, which would put values of rows on the console. */
const quiet = (): void => undefined

/** A PostgreSQL server behind knex; nothing is asked of it before the first statement. Closing knex closes it. */
export const openServer = ({ password, ...connection }: ServerConnection, connections: number): Knex =>
  knexModule.default({
    client: 'pg',
    connection: { ...connection, password: password.reveal() },
    pool: { min: 0, max: connections },
    log: { warn: quiet, error: quiet, deprecate: quiet, debug: quiet },
  })
