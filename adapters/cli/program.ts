import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { describeError } from '../../domain/errors.js'
import { CorrelationId, ProjectSlug, PseudoStudyUid } from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import { demoCommand } from './demo.js'
import type { CliHost, Console, ExitCode, HostError } from './host.js'
import { exitCodes } from './host.js'
import { auditReport, countsJson, countsReport, storyReport } from './report.js'
import { runCommand } from './run.js'

const positive = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('Expected a number above 0.')
  return value
}
const wholePositive = (text: string): number => {
  const value = positive(text)
  if (!Number.isInteger(value)) throw new InvalidArgumentError('Expected a whole number from 1.')
  return value
}
const folder = (text: string): string => {
  if (text.trim() === '') throw new InvalidArgumentError('Expected the name of a folder.')
  return text
}
const slug = (text: string): ProjectSlug => {
  if (!ProjectSlug.is(text)) throw new InvalidArgumentError('Expected a project slug such as my-project.')
  return text
}

const stateOption = (): Option =>
  new Option('--state <dir>', 'state directory (default: PostgreSQL when PIXL_DB_HOST is set, else .pixl)').argParser(
    folder,
  )

/** Runs the command line; gives the exit code. */
export const runProgram = async (host: CliHost, args: ReadonlyArray<string>): Promise<ExitCode> => {
  const { terminal } = host
  let code: ExitCode = exitCodes.done

  const refuse = (error: HostError): ExitCode => {
    terminal.err(describeError(error))
    return exitCodes.couldNotRun
  }

  /** Opens an installation, asks it one thing, and frees it. */
  const withConsole = async <A>(
    state: string | undefined,
    ask: (console: Console) => TaskEither<HostError, A>,
    tell: (answer: A) => ExitCode,
  ): Promise<ExitCode> => {
    const opened = await host.openConsole(state)()
    if (E.isLeft(opened)) return refuse(opened.left)
    const answer = await ask(opened.right)()
    await opened.right.close()
    return E.isLeft(answer) ? refuse(answer.left) : tell(answer.right)
  }

  const program = new Command('pixl')
    .description('Carries imaging studies out of a hospital: found, de-identified, delivered, recorded.')
    .version(host.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })

  program
    .command('run')
    .description('carry the studies an extract asks for from a folder of images to a folder; run again to continue')
    .argument('<extract>', 'OMOP ES extract directory, or a CSV file')
    .requiredOption('--images <dir>', 'folder tree of DICOM files', folder)
    .requiredOption('--projects <dir>', 'folder of project configurations', folder)
    .requiredOption('--out <dir>', 'folder to deliver to, instead of the destinations the projects name', folder)
    .option('--state <dir>', 'state directory', folder, '.pixl')
    .option('--rate <n>', 'studies per second (default: not limited)', positive)
    .option('--max-in-flight <n>', 'studies at once', wholePositive)
    .option('--json', 'print the counts as JSON on the last line')
    .action(async (extract: string, { json, ...options }) => {
      code = await runCommand(host, extract, options, json === true)
    })

  program
    .command('demo')
    .description('make a synthetic hospital, run it, and compare the outcome with what it must be')
    .action(async () => {
      code = await demoCommand(host)
    })

  program
    .command('status')
    .description('counts by project, state and reason')
    .addOption(stateOption())
    .option('--json', 'print JSON')
    .action(async ({ state, json }) => {
      code = await withConsole(
        state,
        ({ status }) => status,
        (counts) => {
          if (json === true) terminal.out(JSON.stringify({ projects: countsJson(counts) }))
          else for (const line of countsReport(counts)) terminal.out(line)
          return exitCodes.done
        },
      )
    })

  program
    .command('explain')
    .description('the history of a study, with reasons')
    .argument(
      '<study>',
      'pseudo study UID, or the name in pixl.log of a study that has none; or - to type an original identifier on standard input',
    )
    .addOption(stateOption())
    .action(async (study: string, { state }) => {
      if (study !== '-' && !PseudoStudyUid.is(study) && !CorrelationId.is(study)) {
        terminal.err(
          'Not a pseudo study UID. Type "pixl explain -" and then an original identifier on standard input: arguments can be seen by others.',
        )
        code = exitCodes.couldNotRun
        return
      }
      const identifier = study === '-' ? (await terminal.readInput()).trim() : study
      code = await withConsole(
        state,
        ({ explain }) => explain(sensitive(identifier)),
        (stories) => {
          for (const line of stories.flatMap((story, i) =>
            i === 0 ? storyReport(story) : ['', ...storyReport(story)],
          ))
            terminal.out(line)
          if (stories.length > 0) return exitCodes.done
          terminal.err('No study of that name is known here.')
          return exitCodes.couldNotRun
        },
      )
    })

  program
    .command('audit')
    .description('check the promises against the rows and the destinations; exit code 0 only if they hold')
    .addOption(stateOption())
    .action(async ({ state }) => {
      code = await withConsole(
        state,
        ({ audit }) => audit,
        (report) => {
          for (const line of auditReport(report)) terminal.out(line)
          return report.violations.length + report.unchecked.length === 0 ? exitCodes.done : exitCodes.couldNotRun
        },
      )
    })

  program
    .command('replay')
    .description('give failed and absent studies another try; "pixl run" then works on them')
    .addOption(new Option('--only <state>', 'only failed, or only absent studies').choices(['failed', 'absent']))
    .option('--project <slug>', 'only studies of this project', slug)
    .addOption(stateOption())
    .action(async ({ state, only, project }) => {
      code = await withConsole(
        state,
        ({ replay }) => replay({ only, project }),
        (count) => {
          terminal.out(`${count} ${count === 1 ? 'study is' : 'studies are'} requested again.`)
          return exitCodes.done
        },
      )
    })

  program
    .command('check-config')
    .description('check every project configuration in a folder')
    .argument('<dir>', 'folder of project configurations')
    .action(async (directory: string) => {
      const checked = await host.checkProjects(directory)()
      if (E.isLeft(checked)) {
        code = refuse(checked.left)
        return
      }
      for (const { project, problem } of checked.right)
        terminal.out(problem === null ? `${project}: right` : `${project}: ${describeError(problem)}`)
      if (checked.right.length === 0) terminal.err(`${directory}: holds no project; add <project-slug>.yaml files.`)
      const isRight = checked.right.length > 0 && checked.right.every(({ problem }) => problem === null)
      code = isRight ? exitCodes.done : exitCodes.couldNotRun
    })

  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (caught) {
    if (!(caught instanceof CommanderError)) throw caught
    code = caught.exitCode === 0 ? exitCodes.done : exitCodes.couldNotRun
  }
  return code
}
