import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { randomBytes } from 'node:crypto'
import { Container, ContainerModule } from 'inversify'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { readHeader } from '../adapters/dicom/header.js'
import { makeDicomDeidentifier } from '../adapters/dicom/deidentifier.js'
import { makeDuckdbCohortReader } from '../adapters/duckdb/cohort-reader.js'
import { makeFileSecretStore } from '../adapters/files/secret-store.js'
import { makeFolderImageArchive } from '../adapters/folder/image-archive.js'
import { makeFolderImageSource } from '../adapters/folder/image-source.js'
import { makeFolderImageUploader } from '../adapters/folder/image-uploader.js'
import { makeMemoryMessageBus } from '../adapters/memory/message-bus.js'
import { makeMemoryRateLimiter } from '../adapters/memory/rate-limiter.js'
import { makePostgresExtractRepository } from '../adapters/postgres/extract-repository.js'
import { migrate } from '../adapters/postgres/migrate.js'
import { openPglite, prepareDataDirectory } from '../adapters/postgres/pglite.js'
import { restart } from '../adapters/postgres/restart.js'
import { systemClock } from '../adapters/system/clock.js'
import { answerLocally } from '../adapters/system/local-socket.js'
import type { LockHolder } from '../adapters/system/state-lock.js'
import { lockDirectory } from '../adapters/system/state-lock.js'
import type { LogLevel } from '../adapters/system/telemetry.js'
import { makeFileTelemetry } from '../adapters/system/telemetry.js'
import { makeYamlProjectCatalogue } from '../adapters/yaml/project-catalogue.js'
import type { Application } from '../application/application.js'
import { invalidInput } from '../domain/errors.js'
import { DestinationName, known, SecretName, WorkerId } from '../domain/identifiers.js'
import { knownDestinations } from '../domain/project.js'
import { defaultAttempts, embeddedBackoff } from '../domain/retry.js'
import type { Secret } from '../domain/sensitive.js'
import { sensitive } from '../domain/sensitive.js'
import { rateOf } from '../domain/token-bucket.js'
import { answerQuestion } from './questions.js'
import type { Resources, StartError } from './resources.js'
import { building, orRefuse, Refused } from './resources.js'
import { tokens } from './tokens.js'
import { assemble, uploaderOf } from './use-cases.js'

/** One machine's installation: everything in a state directory, images from one folder to another. */
export interface EmbeddedSettings {
  /** Where rows, keys, the index and the spool are kept; made with mode 0700 when missing. */
  readonly stateDirectory: string
  /** The folder tree of DICOM files; needed to enqueue and work. */
  readonly images?: string
  /** The folder of project configurations; needed to enqueue and work. */
  readonly projects?: string
  /** Where studies are delivered instead of the destinations the projects name; remembered by the state directory. */
  readonly out?: string
  /** Study requests per second; unlimited when left out. */
  readonly ratePerSecond?: number
  readonly maxInFlight?: number
  readonly logLevel?: LogLevel
  /** `LOCAL_SALT_VALUE`. */
  readonly localSalt?: Secret
  /** Name of the installation key in the state directory's secrets. */
  readonly installationKeyName?: string
}

const folder = known(DestinationName, 'folder')

/** Paths below a state directory. */
export const statePaths = (stateDirectory: string) => ({
  database: join(stateDirectory, 'database'),
  index: join(stateDirectory, 'images.index'),
  log: join(stateDirectory, 'pixl.log'),
  out: join(stateDirectory, 'out.json'),
  secrets: join(stateDirectory, 'secrets'),
  socket: join(stateDirectory, 'socket'),
  spool: join(stateDirectory, 'spool'),
  temporary: join(stateDirectory, 'temporary'),
})
type StatePaths = ReturnType<typeof statePaths>

/** What a second process on a state directory is told. */
export const heldBy = (stateDirectory: string, { pid, host }: LockHolder) =>
  invalidInput(
    stateDirectory,
    `is in use by process ${pid} on ${host}`,
    'wait until it ends, or stop it; if that machine is gone, remove the file "lock" in there',
  )

const refuse = (where: string, what: string, remedy: string): never => {
  throw new Refused(invalidInput(where, what, remedy))
}

const isInside = (inner: string, outer: string): boolean => {
  const way = relative(outer, inner)
  return way === '' || (!way.startsWith(`..${sep}`) && way !== '..' && !way.startsWith(sep))
}

/** The real path of a folder that need not exist yet. */
const realFolder = async (path: string): Promise<string> => {
  const absolute = resolve(path)
  return realpath(absolute).catch(async () =>
    join(await realFolder(dirname(absolute)), absolute.slice(dirname(absolute).length)),
  )
}

/** What would be read again as an image, or overwritten, if folders were inside each other. */
const checkFolders = async ({ images, out, stateDirectory }: EmbeddedSettings): Promise<void> => {
  if (images === undefined) return
  const found = await stat(images).catch(() => null)
  if (found?.isDirectory() !== true) refuse(images, 'is not a folder', 'name the folder that holds the DICOM files')
  const tree = await realpath(images)
  const state = await realFolder(stateDirectory)
  if (isInside(state, tree))
    refuse(stateDirectory, 'is inside the folder of images', 'choose a state directory elsewhere')
  if (out === undefined) return
  const target = await realFolder(out)
  if (isInside(target, tree) || isInside(tree, target))
    refuse(out, 'and the folder of images are inside each other', 'choose an output folder elsewhere')
}

/** The output folder this state directory delivers to: the first one it was given, for good. */
const rememberOut = async (paths: StatePaths, out: string | undefined): Promise<string | undefined> => {
  const remembered = await readFile(paths.out, 'utf8').then(
    (text) => (JSON.parse(text) as { out: string }).out,
    () => undefined,
  )
  if (out === undefined) return remembered
  const given = await realFolder(out)
  if (remembered !== undefined && remembered !== given)
    refuse(
      out,
      `is not where this state directory delivers to (${remembered})`,
      'use that folder, or another state directory',
    )
  if (remembered === undefined) {
    await writeFile(`${paths.out}.partial`, JSON.stringify({ out: given }), { mode: 0o600 })
    await rename(`${paths.out}.partial`, paths.out)
  }
  return given
}

const checkWritable = async (out: string): Promise<void> => {
  const trial = join(out, `.pixl-${process.pid}.part`)
  try {
    await mkdir(out, { recursive: true })
    await writeFile(trial, 'x')
  } catch (caught) {
    const code = (caught as NodeJS.ErrnoException).code ?? ''
    refuse(out, `cannot be written to (${code})`, 'make room or grant access, or choose another output folder')
  } finally {
    await rm(trial, { force: true }).catch(() => undefined)
  }
}

const openDatabase = async (stateDirectory: string, paths: StatePaths, resources: Resources) => {
  const newer = (): never =>
    refuse(
      stateDirectory,
      'was written by a newer version of this program',
      'use that version, or another state directory',
    )
  if ((await prepareDataDirectory(paths.database)) === 'newer') newer()
  const knex = await openPglite(paths.database).catch(() =>
    refuse(
      paths.database,
      'is damaged and cannot be opened',
      'restore it from a backup, or use another state directory',
    ),
  )
  resources.add(() => knex.destroy())
  if ((await migrate(knex)) === 'newer') newer()
  return knex
}

/** Empties what a process that died has left, and makes the folders. */
const prepareFolders = async ({ spool, temporary, secrets }: StatePaths): Promise<void> => {
  for (const scratch of [spool, temporary]) await rm(scratch, { recursive: true, force: true })
  for (const path of [spool, temporary, secrets]) await mkdir(path, { recursive: true, mode: 0o700 })
}

const build = async (
  settings: EmbeddedSettings,
  extra: ReadonlyArray<ContainerModule>,
  resources: Resources,
): Promise<Application> => {
  const { stateDirectory } = settings
  const paths = statePaths(stateDirectory)
  await checkFolders(settings)
  const lock = await lockDirectory(stateDirectory)
  if (lock._tag === 'HeldBy') throw new Refused(heldBy(stateDirectory, lock.holder))
  resources.add(lock.release)
  const out = await rememberOut(paths, settings.out)
  if (settings.out !== undefined) await checkWritable(settings.out)
  await prepareFolders(paths)
  const knex = await openDatabase(stateDirectory, paths, resources)
  await restart(knex)
  const telemetry = makeFileTelemetry(paths.log, settings.logLevel ?? 'info')
  resources.add(telemetry.close)
  const secrets = makeFileSecretStore(paths.secrets)
  const keyName = known(SecretName, settings.installationKeyName ?? 'pixl-installation-key')
  const installationKey = await orRefuse(
    secrets.createIfAbsent(keyName, () => sensitive(randomBytes(32).toString('hex'))),
  )

  const container = new Container()
  const rate = rateOf(settings.ratePerSecond ?? Infinity)
  const embedded = new ContainerModule(({ bind }) => {
    bind(tokens.Clock).toConstantValue(systemClock)
    bind(tokens.CohortReader).toConstantValue(makeDuckdbCohortReader(paths.temporary))
    bind(tokens.Deidentifier).toConstantValue(makeDicomDeidentifier(paths.spool))
    bind(tokens.ExtractRepository).toConstantValue(makePostgresExtractRepository(knex))
    bind(tokens.ImageArchive)
      .toResolvedValue(() => makeFolderImageArchive({ images: settings.images ?? '', index: paths.index, readHeader }))
      .inSingletonScope()
    bind(tokens.ImageSource).toConstantValue(makeFolderImageSource(paths.spool))
    bind(tokens.MessageBus).toResolvedValue(makeMemoryMessageBus, [tokens.Clock]).inSingletonScope()
    bind(tokens.ProjectCatalogue).toConstantValue(
      makeYamlProjectCatalogue({
        directory: settings.projects ?? '',
        isKnownDestination: (name) =>
          knownDestinations.some((each) => each === name) || uploaderOf(container, name) !== undefined,
      }),
    )
    bind(tokens.RateLimiter)
      .toResolvedValue((clock) => makeMemoryRateLimiter(clock, { primary: rate }), [tokens.Clock])
      .inSingletonScope()
    bind(tokens.SecretStore).toConstantValue(secrets)
    bind(tokens.Telemetry).toConstantValue(telemetry)
    if (out !== undefined)
      bind(tokens.ImageUploader)
        .toResolvedValue((imageSource) => makeFolderImageUploader({ out, imageSource }), [tokens.ImageSource])
        .inSingletonScope()
        .whenNamed(folder)
  })
  container.load(embedded, ...extra)

  const useCases = assemble(container, {
    worker: known(WorkerId, `embedded-${process.pid}`),
    backoff: embeddedBackoff,
    maxAttempts: defaultAttempts,
    primaryQueue: 'imaging-primary',
    secondaryQueue: null,
    maxInFlight: settings.maxInFlight ?? 5,
    sweepEveryMs: 500,
    messageFormat: 'plain',
    deliverTo: out === undefined ? null : folder,
    installationKey,
    localSalt: settings.localSalt ?? sensitive(''),
  })
  resources.add(await answerLocally(paths.socket, (question) => answerQuestion(useCases, question)))
  return { ...useCases, close: resources.close }
}

/**
 * Makes an application that needs no server: PGlite on disk, a bus in memory refilled from the rows, studies from a
 * folder tree to a folder. It is the only one on its state directory; others may ask it questions.
 *
 * `extra` modules bind more uploaders (`bind(tokens.ImageUploader)....whenNamed('s3')`) or rebind ports.
 */
export const createEmbeddedApplication = (
  settings: EmbeddedSettings,
  extra: ReadonlyArray<ContainerModule> = [],
): TaskEither<StartError, Application> =>
  building(settings.stateDirectory, (resources) => build(settings, extra, resources))
