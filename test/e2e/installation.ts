import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import type { Marker } from '../../adapters/synthetic/markers.js'
import type { Finding, Place } from '../support/canary.js'
import { sweep } from '../support/canary.js'
import { temporaryDirectory } from '../support/directories.js'

const checkout = fileURLToPath(new URL('../../', import.meta.url))

/** The built executable that these tests start as a process of its own. */
export const executable = join(checkout, 'dist', 'composition', 'bin.js')

const sourceFolders = ['domain', 'ports', 'application', 'adapters', 'composition']

/** What every build writes anew, and last: compiled files keep their times where nothing in them has changed. */
const lastBuilt = join(checkout, 'dist', 'adapters', 'postgres', 'pglite-snapshot.tgz')

/** Fails with what to do when the build is missing or older than a source file: it would prove nothing. */
export const requireBuild = async (): Promise<void> => {
  const built = await stat(lastBuilt).catch(() => null)
  if (built === null) throw new Error('dist is missing: run "npm run build" first')
  for (const folder of sourceFolders)
    for (const name of await readdir(join(checkout, folder), { recursive: true })) {
      if (!name.endsWith('.ts')) continue
      const { mtimeMs } = await stat(join(checkout, folder, name))
      if (mtimeMs > built.mtimeMs) throw new Error(`dist is older than ${folder}/${name}: run "npm run build" first`)
    }
}

/** How a process ended and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A running `pixl`. */
export interface Program {
  readonly pid: number
  readonly ended: Promise<Ended>
  readonly signal: (name: NodeJS.Signals) => void
  /** Resolves once standard error or output matches; rejects when the process ends before. */
  readonly says: (pattern: RegExp) => Promise<void>
}

export interface StartOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Options of Node, before the program. */
  readonly node?: ReadonlyArray<string>
  /** A program instead of `pixl`. */
  readonly script?: string
}

/** Starts the program with an environment that holds nothing of the tester's own settings. */
export const startProgram = (args: ReadonlyArray<string>, options: StartOptions = {}): Program => {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PIXL_|AZURE_|LOG_LEVEL|LOCAL_SALT|NODE_)/.test(name),
  )
  const child = spawn(process.execPath, [...(options.node ?? []), options.script ?? executable, ...args], {
    cwd: options.cwd ?? checkout,
    env: { ...Object.fromEntries(inherited), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const waiting = new Set<() => void>()
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (const look of [...waiting]) look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    for (const look of [...waiting]) look()
  })
  // A process that reads no input may be gone before it is written.
  child.stdin.on('error', () => undefined).end(options.input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, out, err }))
  })
  return {
    pid: child.pid!,
    ended,
    signal: (name) => void child.kill(name),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(out) && !pattern.test(err)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        const tooEarly = (): void => reject(new Error(`the program ended before it said ${String(pattern)}: ${err}`))
        ended.then(tooEarly, tooEarly)
      }),
  }
}

/** A state directory with its output folder, and everything that was printed about them. */
export interface Installation {
  readonly directory: string
  readonly state: string
  readonly out: string
  /** What ended processes printed, each a place of the canary sweep. */
  readonly printed: ReadonlyArray<Place>
  /** `pixl` with these arguments. */
  readonly start: (args: ReadonlyArray<string>, options?: StartOptions) => Program
  readonly pixl: (args: ReadonlyArray<string>, options?: StartOptions) => Promise<Ended>
  /** `pixl run` over a cohort of the hospital. */
  readonly startRun: (cohort: string, more?: ReadonlyArray<string>, options?: StartOptions) => Program
  readonly run: (cohort: string, more?: ReadonlyArray<string>, options?: StartOptions) => Promise<Ended>
}

/** A salt that must be found nowhere. */
const localSalt = 'Zw7-local-salt-Qk93'

/** What the run's arguments look like to everybody on the machine. */
const argumentsOf = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')

/** Makes room for an installation of the hospital: everything it prints is kept for the sweep, logged in full detail. */
export const makeInstallation = async (
  hospital: Pick<SyntheticHospital, 'images' | 'projects'>,
  places: { readonly out?: string; readonly state?: string } = {},
): Promise<Installation> => {
  const directory = await temporaryDirectory()
  const state = places.state ?? join(directory, 'state')
  const out = places.out ?? join(directory, 'out')
  const scratch = join(directory, 'tmp')
  await mkdir(scratch)
  const printed: Array<Place> = []
  const start: Installation['start'] = (args, options = {}) => {
    const program = startProgram(args, {
      cwd: directory,
      ...options,
      env: { LOG_LEVEL: 'trace', LOCAL_SALT_VALUE: localSalt, TMPDIR: scratch, ...options.env },
    })
    const seen = argumentsOf(program.pid)
    const name = `${args[0] ?? 'pixl'} ${printed.length}`
    const kept = program.ended.then(async (ended) => {
      printed.push({ name: `${name}, standard output`, text: ended.out })
      printed.push({ name: `${name}, standard error`, text: ended.err })
      printed.push({ name: `${name}, arguments`, text: await seen })
      return ended
    })
    return { ...program, ended: kept }
  }
  const startRun: Installation['startRun'] = (cohort, more = [], options = {}) => {
    const folders = ['--images', hospital.images, '--projects', hospital.projects, '--out', out, '--state', state]
    return start(['run', cohort, ...folders, ...more], options)
  }
  return {
    directory,
    state,
    out,
    printed,
    start,
    pixl: (args, options) => start(args, options).ended,
    startRun,
    run: (cohort, more, options) => startRun(cohort, more, options).ended,
  }
}

/** What holds identifiers by design and is readable by its owner only. */
const kept = ['database', 'images.index', 'secrets']

/** Looks for markers, keys and salts in whatever an installation wrote or printed. */
export const sweepInstallation = async (
  { directory, state, out, printed }: Installation,
  markers: ReadonlyArray<Marker>,
): Promise<ReadonlyArray<Finding>> => {
  const secrets = join(state, 'secrets')
  const names = await readdir(secrets)
  const keys = await Promise.all(
    names.map(async (name): Promise<Marker> => {
      const value = (await readFile(join(secrets, name), 'utf8')).trim()
      return { label: `secret ${name}`, value, encoding: 'utf8' }
    }),
  )
  const inState = (await readdir(state)).filter((name) => !kept.includes(name))
  return sweep({
    markers: [...markers, ...keys, { label: 'local salt', value: localSalt, encoding: 'utf8' }],
    places: [
      ...printed,
      { name: 'out', path: out },
      { name: 'temporary files', path: join(directory, 'tmp') },
      ...inState.map((name) => ({ name, path: join(state, name) })),
    ],
  })
}

/** Every file below a directory, as sorted paths relative to it. */
export const filesBelow = async (directory: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}

/** The object on the last line of standard output. */
export const lastLine = ({ out }: Ended): unknown => JSON.parse(out.trimEnd().split('\n').at(-1)!)
