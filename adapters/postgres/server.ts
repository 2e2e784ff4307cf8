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

/** This machine itself: its loopback addresses and Unix sockets. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\/.*)$/i.test(host)

/** How long a connection may take to be made. */
const connectWithinMs = 30_000

/**
 * A PostgreSQL server behind knex; nothing is asked of it before the first statement. Closing knex closes it. To another
 * machine only TLS is spoken, with certificate and host name verified: rows hold identifiers.
 */
export const openServer = ({ password, ...connection }: ServerConnection, connections: number): Knex =>
  knexModule.default({
    client: 'pg',
    connection: {
      ...connection,
      password: password.reveal(),
      ssl: isLoopback(connection.host) ? false : { rejectUnauthorized: true },
      connectionTimeoutMillis: connectWithinMs,
    },
    pool: { min: 0, max: connections },
    log: { warn: quiet, error: quiet, deprecate: quiet, debug: quiet },
  })
