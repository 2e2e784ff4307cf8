#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { CliHost, ProjectCheck, Terminal } from '../adapters/cli/host.js'
import { runProgram } from '../adapters/cli/program.js'
import { makeSyntheticHospital } from '../adapters/synthetic/hospital.js'
import { makeYamlProjectCatalogue } from '../adapters/yaml/project-catalogue.js'
import { describeError } from '../domain/errors.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import { knownDestinations } from '../domain/project.js'
import { openConsole } from './console.js'
import { createEmbeddedApplication } from './index.js'
import type { StartError } from './resources.js'
import { readSettings } from './settings.js'

const packageFile = fileURLToPath(new URL('../../package.json', import.meta.url))
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

const readInput = async (): Promise<string> => {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string
    if (text.includes('\n')) break
  }
  return text.split('\n')[0]!
}

const onStop = (listener: () => void): void => {
  let asked = false
  const stop = (): void => {
    if (asked) process.exit(130)
    asked = true
    listener()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

const terminal: Terminal = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  isInteractive: process.stderr.isTTY === true,
  onStop,
  readInput,
}

const checkProjects = (directory: string): TE.TaskEither<StartError, ReadonlyArray<ProjectCheck>> => {
  const catalogue = makeYamlProjectCatalogue({
    directory,
    isKnownDestination: (name) => knownDestinations.some((each) => each === name),
  })
  const check =
    (project: ProjectSlug): TE.TaskEither<StartError, ProjectCheck> =>
    async () => {
      const found = await catalogue.find(project)()
      return E.right({ project, problem: E.isLeft(found) ? found.left : null })
    }
  return pipe(
    catalogue.list,
    TE.flatMap((projects) => TE.traverseSeqArray(check)([...projects])),
  )
}

const main = async (): Promise<number> => {
  const settings = readSettings(process.env)
  if (E.isLeft(settings)) {
    terminal.err(describeError(settings.left))
    return 1
  }
  const { logLevel, localSalt, installationKeyName, maxInFlight } = settings.right
  const host: CliHost = {
    version,
    terminal,
    checkProjects,
    openConsole: openConsole(settings.right, process.env),
    openRun: ({ state, rate, maxInFlight: atOnce, ...folders }) =>
      createEmbeddedApplication({
        ...folders,
        stateDirectory: state,
        logLevel,
        localSalt,
        installationKeyName,
        maxInFlight: atOnce ?? maxInFlight,
        ...(rate === undefined ? {} : { ratePerSecond: rate }),
      }),
    makeDemoHospital: async (directory) => {
      const made = await makeSyntheticHospital(join(directory, 'hospital'))
      return { ...made, expected: made.expected.extract as never }
    },
  }
  return runProgram(host, process.argv.slice(2))
}

/** Whoever reads the output may leave (a closed terminal, `| head`): the work goes on and is told by the exit code. */
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

const code = await main()
/** A database that could not be opened (a full disk) keeps the process alive: it ends once all is printed. */
const printed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => void stream.write('', () => resolve()))
await Promise.all([printed(process.stdout), printed(process.stderr)])
process.exit(code)
