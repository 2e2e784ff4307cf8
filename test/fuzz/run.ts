import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Job, Report } from './child.js'

/** A promise a reader broke, with the smallest input found; `input` is null when the process hung or died at it. */
export interface Finding {
  readonly target: string
  readonly seed: number
  readonly broken: string
  readonly detail: string
  readonly input: Uint8Array | null
}

/** What came of one target; a process that died at it leaves those after it out. */
export interface Outcome {
  readonly target: string
  readonly runs: number
  readonly seconds: number
  readonly findings: ReadonlyArray<Finding>
}

const child = fileURLToPath(new URL('./child.ts', import.meta.url))

/** Opening a target on a busy machine takes a few seconds. */
const usualSilenceMs = 30_000

/**
 * Runs targets in a process of their own, which is ended when it hangs; its death (a native crash, no memory) is a
 * finding like any other.
 */
export const fuzz = (job: Job): Promise<ReadonlyArray<Outcome>> =>
  new Promise((resolve, reject) => {
    const running = spawn(
      process.execPath,
      ['--max-old-space-size=320', '--import', 'tsx', child, JSON.stringify(job)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const outcomes: Array<Outcome> = []
    let findings: Array<Finding> = []
    let last: { readonly target: string; readonly seed: number } | null = null
    let hung = false
    let complaint = ''
    const end = (): void => {
      hung = true
      running.kill('SIGKILL')
    }
    let watchdog = setTimeout(end, usualSilenceMs)

    createInterface(running.stdout).on('line', (line) => {
      clearTimeout(watchdog)
      watchdog = setTimeout(end, job.silenceMs ?? usualSilenceMs)
      const report = JSON.parse(line) as Report
      if (report._tag === 'Running') last = report
      else if (report._tag === 'Found') findings.push({ ...report, input: Buffer.from(report.input, 'base64') })
      else {
        outcomes.push({ ...report, findings })
        findings = []
      }
    })
    running.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-4000)))
    running.once('error', reject)
    running.once('close', (code, signal) => {
      clearTimeout(watchdog)
      if (outcomes.length === job.targets.length) return resolve(outcomes)
      if (last === null) return reject(new Error(`no target could be started: ${complaint}`))
      const { target, seed } = last
      const broken = hung ? 'the reader hangs' : `the process ends with ${signal ?? `code ${code}`}`
      findings.push({ target, seed, broken, detail: complaint, input: null })
      resolve([...outcomes, { target, runs: seed - job.seed + 1, seconds: 0, findings }])
    })
  })
