import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { describeError } from '../../domain/errors.js'
import type { ProjectCounts } from '../../ports/extract-repository.js'
import type { CliHost, DemoHospital, ExitCode } from './host.js'
import { exitCodes } from './host.js'
import { countsReport } from './report.js'
import { runExtract } from './run.js'

const treeLines = async (directory: string, indent = '  '): Promise<ReadonlyArray<string>> => {
  const entries = (await readdir(directory, { withFileTypes: true })).sort((a, b) => a.name.localeCompare(b.name))
  const lines: Array<string> = []
  for (const entry of entries) {
    lines.push(`${indent}${entry.name}${entry.isDirectory() ? '/' : ''}`)
    if (entry.isDirectory()) lines.push(...(await treeLines(join(directory, entry.name), `${indent}  `)))
  }
  return lines
}

/** Where the counts differ from what the hospital must give. */
const differences = (
  expected: DemoHospital['expected'],
  counts: ReadonlyArray<ProjectCounts>,
): ReadonlyArray<string> => {
  const names = [...new Set([...Object.keys(expected), ...counts.map(({ project }) => project)])].sort()
  return names.flatMap((name) => {
    const want = expected[name]
    const got = counts.find(({ project }) => project === name)
    if (want === undefined || got === undefined)
      return [`project ${name}: ${want === undefined ? 'not expected' : 'missing'}`]
    const pairs: ReadonlyArray<readonly [string, number, number]> = [
      ['total', want.total, got.total],
      ...(['exported', 'skipped', 'absent', 'failed'] as const).map(
        (state) => [state, want[state], got.states[state]] as const,
      ),
      ...[...new Set([...Object.keys(want.reasons), ...Object.keys(got.reasons)])].map(
        (reason) => [reason, want.reasons[reason] ?? 0, (got.reasons as Record<string, number>)[reason] ?? 0] as const,
      ),
    ]
    return pairs.filter(([, a, b]) => a !== b).map(([what, a, b]) => `project ${name}: ${what} is ${b}, expected ${a}`)
  })
}

/** `pixl demo`: makes a synthetic hospital, runs its extract, and compares the outcome with what it must be. */
export const demoCommand = async (host: CliHost): Promise<ExitCode> => {
  const { terminal } = host
  const directory = await mkdtemp(join(tmpdir(), 'pixl-demo-'))
  terminal.out(`A synthetic hospital is made in ${directory}; no real patient is in it.`)
  const hospital = await host.makeDemoHospital(directory)
  const [state, out] = [join(directory, 'state'), join(directory, 'delivered')]
  const result = await runExtract(host, hospital.extract, {
    state,
    images: hospital.images,
    projects: hospital.projects,
    out,
  })
  if (E.isLeft(result)) {
    terminal.err(describeError(result.left))
    return exitCodes.couldNotRun
  }
  const { counts } = result.right.settlement
  for (const line of ['', ...countsReport(counts), '', `Delivered to ${out}:`, ...(await treeLines(out))])
    terminal.out(line)
  const wrong = differences(hospital.expected, counts)
  if (wrong.length > 0) {
    for (const line of ['', 'This is not what the synthetic hospital must give:', ...wrong]) terminal.err(line)
    return exitCodes.couldNotRun
  }
  const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
  for (const line of [
    '',
    `Exactly what this hospital must give (its failed studies fail on purpose), in ${(result.right.durationMs / 1000).toFixed(1)} s. What to type next:`,
    `  npx pixl status --state ${quoted(state)}`,
    `  npx pixl audit --state ${quoted(state)}`,
    `  npx pixl explain --state ${quoted(state)} PSEUDO_STUDY_UID      (a file name above, without .zip)`,
    `  npx pixl run EXTRACT --images DIR --projects DIR --out DIR      (your own; the folder above shows the layouts)`,
  ])
    terminal.out(line)
  return exitCodes.done
}
