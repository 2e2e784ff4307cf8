import { simulate } from './simulate.js'

/** `npm run simulate [schedules] [first seed]`: runs schedules, prints what broke and how long it took. */
const [schedules = 10_000, first = 1] = process.argv.slice(2).map(Number)
const startedAt = process.hrtime.bigint()
const cpuBefore = process.cpuUsage()
let broken = 0
let deaths = 0
for (let seed = first; seed < first + schedules; seed++) {
  const outcome = await simulate(seed)
  deaths += outcome.deaths
  if (outcome.violations.length === 0) continue
  broken += 1
  console.log(`seed ${seed}: ${outcome.violations.join('; ')}`)
}
const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
const { user, system } = process.cpuUsage(cpuBefore)
console.log(
  `${schedules} schedules, ${deaths} workers died, ${broken} schedules broke a rule; ` +
    `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time.`,
)
process.exitCode = broken === 0 ? 0 : 1
