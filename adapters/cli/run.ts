import * as E from 'fp-ts/lib/Either.js'
import type { Application } from '../../application/application.js'
import type { Settlement } from '../../application/await-settled.js'
import { countStates, unfinishedStates } from '../../application/await-settled.js'
import type { PixlError } from '../../domain/errors.js'
import { describeError } from '../../domain/errors.js'
import type { ProjectCounts } from '../../ports/extract-repository.js'
import type { CliHost, ExitCode, RunOptions } from './host.js'
import { exitCodes } from './host.js'
import type { Progress } from './progress.js'
import { makeProgress } from './progress.js'
import { countsJson, countsReport, enqueuedReport } from './report.js'

/** How a run went: what it counted, or why it could not run. */
export type RunResult = E.Either<PixlError, { readonly settlement: Settlement; readonly durationMs: number }>

/** Enqueues an extract, works until nothing is left to do, and frees everything. */
export const runExtract = async (host: CliHost, extract: string, options: RunOptions): Promise<RunResult> => {
  const startedAt = Date.now()
  const { terminal } = host
  let stopped = false
  const progress = makeProgress(terminal, Date.now)
  terminal.onStop(() => {
    stopped = true
    progress.end()
    terminal.err(
      'Stopping: the studies in hand are finished first. Press Ctrl-C again to end at once; nothing is lost.',
    )
  })
  const opened = await host.openRun(options)()
  if (E.isLeft(opened)) return opened
  const application = opened.right
  terminal.err(
    `Everything the projects send anywhere is delivered to ${options.out} (--out), not to the destinations they name.`,
  )
  try {
    const enqueued = await application.enqueueExtract(extract, 1)()
    if (E.isLeft(enqueued)) return enqueued
    for (const line of enqueuedReport(enqueued.right)) terminal.err(line)
    const settlement = await work(application, progress, () => stopped)
    return E.isLeft(settlement)
      ? settlement
      : E.right({ settlement: settlement.right, durationMs: Date.now() - startedAt })
  } finally {
    await application.close()
  }
}

const work = async (
  application: Application,
  progress: Progress,
  stopped: () => boolean,
): Promise<E.Either<PixlError, Settlement>> => {
  const worker = await application.startWorker()
  if (E.isLeft(worker)) return worker
  const settlement = await application.awaitSettled(progress.show, stopped)()
  progress.end()
  await worker.right.close()
  if (E.isLeft(settlement) || settlement.right._tag === 'Settled') return settlement
  // What was in hand has ended since.
  const counts = await application.status()
  return E.isLeft(counts) ? counts : E.right({ ...settlement.right, counts: counts.right })
}

export const exitCodeOf = (counts: ReadonlyArray<ProjectCounts>): ExitCode => {
  if (countStates(counts, [...unfinishedStates, 'held']) > 0) return exitCodes.stoppedEarly
  return countStates(counts, ['failed']) > 0 ? exitCodes.someFailed : exitCodes.done
}

/** What a person is told at the end. */
const closingLines = ({ settlement }: { readonly settlement: Settlement }): ReadonlyArray<string> => {
  const left = countStates(settlement.counts, unfinishedStates)
  if (settlement._tag === 'Stuck')
    return [
      `Stopped: the ${left} studies left have waited a minute for ${settlement.waitingFor.join(', ')}. Mend that and run the same command again; it continues.`,
    ]
  if (left > 0) return [`Stopped with ${left} studies left. Run the same command again; it continues.`]
  return countStates(settlement.counts, ['failed']) > 0
    ? [
        'Some studies failed: pixl.log in the state directory names them for "pixl explain"; mend the cause, then "pixl replay --only failed" and run again.',
      ]
    : []
}

/** `pixl run`: prints the summary, and as the last line of standard output the counts when `json` is set. */
export const runCommand = async (
  host: CliHost,
  extract: string,
  options: RunOptions,
  json: boolean,
): Promise<ExitCode> => {
  const result = await runExtract(host, extract, options)
  const { terminal } = host
  if (E.isLeft(result)) {
    terminal.err(describeError(result.left))
    return exitCodes.couldNotRun
  }
  const { settlement, durationMs } = result.right
  const say = json ? terminal.err : terminal.out
  for (const line of [...countsReport(settlement.counts), ...closingLines(result.right)]) say(line)
  if (json) terminal.out(JSON.stringify({ projects: countsJson(settlement.counts), durationMs }))
  return exitCodeOf(settlement.counts)
}
