import { readdir, readFile } from 'node:fs/promises'
import type { Marker } from '../../adapters/synthetic/markers.js'
import type { Secret } from '../../domain/sensitive.js'
import type { Finding, Place } from './canary.js'
import { sweep } from './canary.js'
import { shortestMarker } from './marker-forms.js'

/** What is left of a finished run: every sink something could have leaked into. */
export interface FinishedRun {
  /** What was printed, and logs that were gathered as text, at trace level. */
  readonly printed?: Readonly<Record<string, string>>
  /** Errors and other values that were handed out, in every form in which they may be printed. */
  readonly values?: Readonly<Record<string, unknown>>
  /** Files and directories: destinations, state that holds nothing original, temporary directories, log files. */
  readonly paths?: Readonly<Record<string, string>>
  /** Command lines of the processes of the run, as {@link watchArguments} gathered them. */
  readonly commandLines?: ReadonlyArray<string>
}

/** Secrets as markers: passwords, keys and salts must be found nowhere either. */
export const secretMarkers = (secrets: Readonly<Record<string, Secret>>): ReadonlyArray<Marker> =>
  Object.entries(secrets).map(([label, secret]) => {
    const value = secret.reveal()
    if (value.length < shortestMarker)
      throw new Error(`the secret "${label}" is too short: it would be found by chance`)
    return { label, value, encoding: 'utf8' }
  })

/** The places of a run, by the names of its sinks. */
export const placesOf = ({
  printed = {},
  values = {},
  paths = {},
  commandLines = [],
}: FinishedRun): ReadonlyArray<Place> => [
  ...Object.entries(printed).map(([name, text]) => ({ name, text })),
  ...Object.entries(values).map(([name, value]) => ({ name, value })),
  ...Object.entries(paths).map(([name, path]) => ({ name, path })),
  ...(commandLines.length > 0 ? [{ name: 'process arguments', text: commandLines.join('\n') }] : []),
]

/** Searches every sink of a run for every marker; empty = nothing leaked. */
export const sweepRun = (markers: ReadonlyArray<Marker>, run: FinishedRun): Promise<ReadonlyArray<Finding>> =>
  sweep({ markers, places: placesOf(run) })

/** Gathers command lines while something runs. */
export interface ArgumentWatch {
  /** Ends the watch; the command line of every process seen, once. */
  readonly stop: () => Promise<ReadonlyArray<string>>
}

const commandLineOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/cmdline`, 'latin1')).replaceAll('\0', ' ').trim()

const childrenOf = async (pid: number): Promise<ReadonlyArray<number>> => {
  const threads = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')))
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}

/** Whether this machine shows the command lines of processes: Linux does. */
export const canWatchArguments = (): Promise<boolean> =>
  childrenOf(process.pid).then(
    () => true,
    () => false,
  )

/**
 * Watches the command lines of the processes below one (by default this one), which any user of the machine can read.
 * A process is seen when it lives for longer than `everyMs`.
 */
export const watchArguments = (pid: number = process.pid, everyMs = 10): ArgumentWatch => {
  const seen = new Set<string>()
  let stopped = false
  const look = async (parent: number): Promise<void> => {
    // A process may end while it is looked at.
    for (const child of await childrenOf(parent).catch(() => [])) {
      const line = await commandLineOf(child).catch(() => '')
      if (line !== '') seen.add(line)
      await look(child)
    }
  }
  const watching = (async (): Promise<void> => {
    while (!stopped) {
      await look(pid)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
    await look(pid)
  })()
  return {
    stop: async () => {
      stopped = true
      await watching
      return [...seen]
    },
  }
}
