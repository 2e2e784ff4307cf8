import cliProgress from 'cli-progress'
import { countStates, unfinishedStates } from '../../application/await-settled.js'
import type { ImageState } from '../../domain/extract.js'
import { imageStates } from '../../domain/extract.js'
import type { ProjectCounts } from '../../ports/extract-repository.js'
import type { Terminal } from './host.js'

/** Shows how a run gets on. */
export interface Progress {
  readonly show: (counts: ReadonlyArray<ProjectCounts>) => void
  /** Leaves the line of the bar; the next `show` starts another. */
  readonly end: () => void
}

const plainEveryMs = 5000

const countsText = (counts: ReadonlyArray<ProjectCounts>): string =>
  imageStates
    .map((state): [ImageState, number] => [state, countStates(counts, [state])])
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${state} ${count}`)
    .join(', ')

const leftText = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return 'time left unknown'
  if (seconds < 90) return `${Math.ceil(seconds)} s left`
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`
}

/** A bar with rate, counts by state and time left on a terminal; a line now and then elsewhere. */
export const makeProgress = (
  terminal: Terminal,
  nowMs: () => number,
  stream: NodeJS.WritableStream = process.stderr,
): Progress => {
  let began: { readonly atMs: number; readonly ended: number } | null = null
  let saidAt = Number.NEGATIVE_INFINITY
  let said = ''
  const bar = terminal.isInteractive
    ? new cliProgress.SingleBar({
        format: '{bar} {value}/{total}  {rate}/s  {states}  {left}',
        barCompleteChar: '#',
        barIncompleteChar: '-',
        barsize: 24,
        hideCursor: true,
        etaBuffer: 1,
        stream,
      })
    : null

  return {
    show: (counts) => {
      const total = countStates(counts, imageStates)
      const unfinished = countStates(counts, unfinishedStates)
      const ended = total - unfinished
      began ??= { atMs: nowMs(), ended }
      const seconds = (nowMs() - began.atMs) / 1000
      const rate = seconds > 0 ? (ended - began.ended) / seconds : 0
      const left = leftText(unfinished === 0 ? 0 : unfinished / rate)
      const states = countsText(counts)
      if (bar !== null) {
        if (!bar.isActive) bar.start(total, ended, { rate: '0.0', states, left })
        bar.setTotal(total)
        bar.update(ended, { rate: rate.toFixed(1), states, left })
      } else if (states !== said && nowMs() - saidAt >= plainEveryMs) {
        terminal.err(`${ended}/${total} done, ${rate.toFixed(1)}/s, ${left}: ${states}`)
        saidAt = nowMs()
        said = states
      }
    },
    end: () => bar?.stop(),
  }
}
