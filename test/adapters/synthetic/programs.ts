import { execFile, spawnSync } from 'node:child_process'

/**
 * Skips the running test when a program is not installed, saying so; where `CI` is set its absence is a failure.
 */
export const requirePrograms = (test: Mocha.Context, ...names: ReadonlyArray<string>): void => {
  const missing = names.filter((name) => spawnSync(name, ['--version']).error !== undefined)
  if (missing.length === 0) return
  const problem = `not installed: ${missing.join(', ')} (packages dcmtk and dicom3tools)`
  if (process.env['CI']) throw new Error(problem)
  test.test!.title += ` (${problem})`
  test.skip()
}

/** What a program prints on both channels, and how it ends. */
export const output = (program: string, ...args: ReadonlyArray<string>): Promise<{ text: string; code: number }> =>
  new Promise((resolve) => {
    execFile(program, [...args], { maxBuffer: 1 << 24, encoding: 'latin1' }, (error, stdout, stderr) =>
      resolve({ text: stdout + stderr, code: typeof error?.code === 'number' ? error.code : error ? 1 : 0 }),
    )
  })

/** The complaints of `dcmdump` and `dciodvfy` about one DICOM file that count: errors, not warnings. */
export const complaints = async (path: string): Promise<ReadonlyArray<string>> => {
  const [dump, check] = await Promise.all([output('dcmdump', '-q', path), output('dciodvfy', path)])
  return [
    ...(dump.code === 0 ? [] : ['dcmdump cannot read it']),
    ...check.text.split('\n').filter((line) => line.startsWith('Error')),
  ]
}
