import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Bench } from './measurement.js'
import { measurement } from './measurement.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A hundred thousand schedules of the simulation: how many break a rule, and the seconds of one processor they take. */
export const simulation: Bench = async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'simulate', '--', '100000', '1'], {
    cwd: root,
  })
  const found = /(\d+) schedules broke a rule; .* ([\d.]+) s of processor time/.exec(stdout)
  if (found === null) throw new Error('the simulation printed no figures')
  return [
    measurement('schedules of 100,000 that break a rule', 'schedules', Number(found[1]), '<= 0'),
    measurement('100,000 schedules', 's of one processor', Number(found[2]), '<= 120'),
  ]
}
