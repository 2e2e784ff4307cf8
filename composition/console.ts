import { stat } from 'node:fs/promises'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { Console } from '../adapters/cli/host.js'
import { makeEnvironmentSecretStore } from '../adapters/environment/secret-store.js'
import { makePostgresExtractRepository } from '../adapters/postgres/extract-repository.js'
import { migrate } from '../adapters/postgres/migrate.js'
import { openServer } from '../adapters/postgres/server.js'
import { lockDirectory } from '../adapters/system/state-lock.js'
import { makeAudit } from '../application/audit.js'
import { makeDestinations } from '../application/destinations.js'
import { makeExplain } from '../application/explain.js'
import { makeNaming } from '../application/naming.js'
import { makeReplay } from '../application/replay.js'
import { invalidInput } from '../domain/errors.js'
import { createEmbeddedApplication, heldBy } from './embedded.js'
import { statePaths } from './folders.js'
import { askOther } from './questions.js'
import type { StartError } from './resources.js'
import { building, expectKey, orRefuse, Refused } from './resources.js'
import type { DatabaseSettings, Settings } from './settings.js'

/** A state directory for questions and operators' moves; while another process works in it, that one is asked. */
const openStateDirectory = (stateDirectory: string, settings: Settings): TE.TaskEither<StartError, Console> =>
  building(stateDirectory, async () => {
    const found = await stat(statePaths(stateDirectory).database).catch(() => null)
    if (found === null)
      throw new Refused(
        invalidInput(stateDirectory, 'is not a state directory', 'name one with --state, or start with "pixl run"'),
      )
    const lock = await lockDirectory(stateDirectory)
    if (lock._tag === 'HeldBy')
      return {
        ...askOther(statePaths(stateDirectory).socket),
        replay: () => TE.left(heldBy(stateDirectory, lock.holder)),
        close: () => Promise.resolve(),
      }
    await lock.release()
    const application = await orRefuse(createEmbeddedApplication({ ...settings, stateDirectory }))
    return { ...application, close: application.close }
  })

/** The PostgreSQL of an installation. Rows can be asked and replayed; its workers publish what is due. */
const openPostgres = (database: DatabaseSettings, settings: Settings, environment: NodeJS.ProcessEnv) =>
  building('PostgreSQL (PIXL_DB_HOST)', async (resources): Promise<Console> => {
    const knex = openServer(database, 2)
    resources.add(() => knex.destroy())
    if ((await migrate(knex)) === 'newer')
      throw new Refused(
        invalidInput('PostgreSQL (PIXL_DB_HOST)', 'was set up by a newer version of this program', 'use that version'),
      )
    const secrets = makeEnvironmentSecretStore(environment)
    const { installationKeyName } = settings
    const installationKey = await orRefuse(secrets.read(installationKeyName))
    expectKey(installationKey, installationKeyName)
    const extracts = makePostgresExtractRepository(knex)
    const naming = makeNaming({ installationKey, localSalt: settings.localSalt, randomSalt: () => '', secrets })
    const destinations = makeDestinations(() => undefined, null)
    return {
      status: extracts.countByState,
      explain: makeExplain({ extracts, naming }),
      audit: makeAudit({ destinations, extracts, naming }),
      replay: makeReplay({ extracts, publishDue: TE.right(0) }),
      close: resources.close,
    }
  })

/** `state` undefined: PostgreSQL when `PIXL_DB_HOST` is set, else `.pixl`. */
export const openConsole =
  (settings: Settings, environment: NodeJS.ProcessEnv) =>
  (state: string | undefined): TE.TaskEither<StartError, Console> =>
    pipe(settings, ({ database }) =>
      state === undefined && database !== null
        ? openPostgres(database, settings, environment)
        : openStateDirectory(state ?? '.pixl', settings),
    )
