import { removeTemporaryDirectories } from '../support/directories.js'
import { cohort } from './cohort.js'
import type { Bench, Measurement } from './measurement.js'
import { reachesGoal } from './measurement.js'
import { memory } from './memory.js'
import { run } from './run.js'
import { simulation } from './simulation.js'
import { startUp } from './start-up.js'
import { throughputs } from './throughput.js'

/** Every bench by the name `npm run bench:<name>` gives it. */
const benches: Readonly<Record<string, Bench>> = {
  'start-up': startUp,
  throughput: throughputs,
  cohort,
  run,
  memory,
  simulation,
}

const lineOf = (each: Measurement): string => {
  const { name, unit, value, reference, ratio, goal } = each
  const compared = reference === null ? '' : `, ${ratio} of ${reference} ${unit}`
  return `${name}: ${value} ${unit}${compared} (goal ${goal}${reachesGoal(each) ? '' : ', missed'})`
}

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => arg !== '--json')
const chosen = names.length === 0 ? Object.keys(benches) : names
const unknown = chosen.filter((name) => benches[name] === undefined)

if (unknown.length > 0) {
  process.stderr.write(`No bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.\n`)
  process.exitCode = 1
} else {
  const measured: Array<Measurement> = []
  for (const name of chosen)
    try {
      const found = await benches[name]!()
      measured.push(...found)
      if (!json) for (const each of found) process.stdout.write(`${lineOf(each)}\n`)
    } finally {
      await removeTemporaryDirectories()
    }
  if (json) process.stdout.write(`${JSON.stringify(measured)}\n`)
}
