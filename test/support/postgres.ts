import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Knex } from 'knex'
import knexModule from 'knex'

/** How to reach a database. */
export interface Connection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** A PostgreSQL for tests: private, or the one `TEST_POSTGRES_URL` names. */
export interface PostgresServer {
  /** A fresh, empty database, dropped when the server is closed. Its time zone is far from UTC. */
  readonly createDatabase: () => Promise<Connection>
  readonly close: () => Promise<void>
}

const installed = '/usr/lib/postgresql'
const programs = (): string | null => {
  const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(b) - Number(a)) : []
  return (
    versions.map((version) => join(installed, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb'))) ?? null
  )
}

/** Why there is no PostgreSQL for tests; null when there is one. */
export const postgresProblem: string | null =
  process.env['TEST_POSTGRES_URL'] !== undefined || programs() !== null
    ? null
    : 'PostgreSQL is not installed (package postgresql) and TEST_POSTGRES_URL is not set'

/** Title of a suite that needs PostgreSQL, with the reason when it is skipped. */
export const postgresTitle = (title: string): string =>
  postgresProblem === null ? title : `${title} (skipped: ${postgresProblem})`

/** PostgreSQL refuses to run as root: then it runs as the user its package made. */
const runAs = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const id = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

const untilReady = (server: ChildProcess): Promise<void> =>
  new Promise((ready, failed) => {
    let log = ''
    server.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000)
      if (log.includes('ready to accept connections')) ready()
    })
    server.once('exit', () => failed(new Error(`PostgreSQL did not start: ${log}`)))
  })

/** Starts a server in a directory of its own, on a free port; kept in memory as far as PostgreSQL can. */
const startPrivate = async (bin: string): Promise<{ admin: Connection; stop: () => Promise<void> }> => {
  const home = mkdtempSync(join(tmpdir(), 'pixl-postgres-'))
  const user = runAs()
  const as = user === undefined ? {} : user
  if (user !== undefined) chownSync(home, user.uid, user.gid)
  const [data, passwordFile] = [join(home, 'data'), join(home, 'password')]
  const password = randomUUID()
  writeFileSync(passwordFile, password)
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid)
  const making = ['-D', data, '-U', 'pixl', `--pwfile=${passwordFile}`, '-A', 'scram-sha-256']
  execFileSync(join(bin, 'initdb'), [...making, '--locale=C.UTF-8', '-E', 'UTF8', '--no-sync'], {
    ...as,
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const port = await freePort()
  const quick = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=32MB']
  const place = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${home}`,
    'deadlock_timeout=50ms',
  ]
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...[...quick, ...place].flatMap((each) => ['-c', each])], {
    ...as,
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const kill = (): void => void server.kill('SIGQUIT')
  process.once('exit', kill)
  await untilReady(server)
  return {
    admin: { host: '127.0.0.1', port, user: 'pixl', password, database: 'postgres' },
    stop: async () => {
      process.off('exit', kill)
      const ended = once(server, 'exit')
      kill()
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const fromUrl = (url: string): Connection => {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1) || 'postgres',
  }
}

/** A pool of connections that prints nothing. */
export const openPool = (connection: Connection, max = 10): Knex => {
  const quiet = (): void => undefined
  return knexModule.default({
    client: 'pg',
    connection,
    pool: { min: 0, max },
    log: { warn: quiet, error: quiet, deprecate: quiet, debug: quiet },
  })
}

const start = async (): Promise<PostgresServer> => {
  const url = process.env['TEST_POSTGRES_URL']
  const { admin, stop } =
    url === undefined ? await startPrivate(programs()!) : { admin: fromUrl(url), stop: () => Promise.resolve() }
  const knex = openPool(admin, 1)
  const made: Array<string> = []
  return {
    createDatabase: async () => {
      const database = `pixl_test_${randomUUID().replaceAll('-', '')}`
      await knex.raw('create database ??', [database])
      made.push(database)
      await knex.raw("alter database ?? set timezone to 'Asia/Kathmandu'", [database])
      return { ...admin, database }
    },
    close: async () => {
      for (const database of made) await knex.raw('drop database if exists ?? with (force)', [database])
      await knex.destroy()
      await stop()
    },
  }
}

/**
 * Starts a PostgreSQL in the `before` of a suite. Where there is none the suite is skipped, and fails when `CI` is set.
 */
export const startPostgres = async (suite: Mocha.Context): Promise<PostgresServer> => {
  suite.timeout(60_000)
  if (postgresProblem === null) return start()
  if (process.env['CI']) throw new Error(postgresProblem)
  return suite.skip()
}
