import { mkdir, rm, statfs } from 'node:fs/promises'
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
import type { StatePaths } from './folders.js'
import { checkImages, chooseOut, refuse, statePaths } from './folders.js'
import { answerQuestion } from './questions.js'
import type { Resources, StartError } from './resources.js'
import { building, expectKey, orRefuse, Refused } from './resources.js'
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

/** What a second process on a state directory is told. */
export const heldBy = (stateDirectory: string, holder: LockHolder | null) =>
  holder === null
    ? invalidInput(
        stateDirectory,
        'has a damaged lock, so it may be in use',
        'make sure that no process works in it, then remove the files "lock.*" in there',
      )
    : invalidInput(
        stateDirectory,
        `is in use by process ${holder.pid} on ${holder.host}`,
        'wait until it ends, or stop it; if that machine is gone, remove the files "lock.*" in there',
      )

/** What the database wants of a disk to open at all: it writes a new log segment at times. */
const neededMib = 16

const freeMib = async (path: string): Promise<number> => {
  const { bavail, bsize } = await statfs(path)
  return Math.floor((bavail * bsize) / 2 ** 20)
}

const openDatabase = async (stateDirectory: string, paths: StatePaths, resources: Resources) => {
  const newer = (): never =>
    refuse(
      stateDirectory,
      'was written by a newer version of this program',
      'use that version, or another state directory',
    )
  const damaged = (): never =>
    refuse(
      paths.database,
      'is damaged and cannot be opened',
      'restore it from a backup, or use another state directory',
    )
  const found = await prepareDataDirectory(paths.database)
  if (found === 'newer') newer()
  if (found === 'damaged') damaged()
  const knex = await openPglite(paths.database).catch(async () => {
    const free = await freeMib(paths.database)
    return free < neededMib
      ? refuse(paths.database, `cannot be opened; its disk has ${free} MiB left`, 'free some space, then try again')
      : damaged()
  })
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
  await checkImages(settings)
  const lock = await lockDirectory(stateDirectory)
  if (lock._tag === 'HeldBy') throw new Refused(heldBy(stateDirectory, lock.holder))
  resources.add(lock.release)
  const out = await chooseOut(paths, settings)
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
  expectKey(installationKey, keyName)

  const container = new Container()
  const rate = rateOf(settings.ratePerSecond ?? Infinity)
  const embedded = new ContainerModule(({ bind }) => {
    bind(tokens.Clock).toConstantValue(systemClock)
    bind(tokens.CohortReader).toConstantValue(makeDuckdbCohortReader(paths.temporary))
    bind(tokens.Deidentifier).toConstantValue(makeDicomDeidentifier(paths.spool))
    bind(tokens.ExtractRepository).toConstantValue(makePostgresExtractRepository(knex))
    bind(tokens.ImageArchive)
      .toResolvedValue(
        (telemetry) =>
          makeFolderImageArchive({
            images: settings.images ?? '',
            index: paths.index,
            readHeader,
            onScan: (counts) => telemetry.record({ _tag: 'ArchiveScanned', ...counts })(),
          }),
        [tokens.Telemetry],
      )
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
