import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Finding } from './run.js'
import { fuzz } from './run.js'
import { targets } from './targets/index.js'

const findingsDirectory = fileURLToPath(new URL('./findings', import.meta.url))

const usage = `npm run fuzz -- [target ...] [--seconds N] [--seed S] [--runs N]
targets: ${targets.map(({ name }) => name).join(' ')}
Each input has a seed of its own: --seed S --runs 1 repeats one. Inputs that break a promise are kept in test/fuzz/findings.`

const keep = async ({ target, seed, input }: Finding): Promise<string> => {
  if (input === null) return `repeat it with: npm run fuzz -- ${target} --seed ${seed} --runs 1`
  const directory = join(findingsDirectory, target)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, `${seed}.bin`), input)
  return `kept as findings/${target}/${seed}.bin (${input.length} bytes)`
}

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      runs: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const wanted = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const unknown = positionals.filter((name) => !targets.some((target) => target.name === name))
  if (values.help === true || unknown.length > 0) return console.log(usage)
  const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
  const runs = values.runs === undefined ? null : Number(values.runs)
  for (const { name } of wanted) {
    // A process each: what one leaves behind in memory must not count against the next.
    const [outcome] = await fuzz({ targets: [{ name, runs }], seed, seconds: Number(values.seconds ?? 60) })
    if (outcome === undefined) continue
    const rate = Math.round(outcome.runs / Math.max(outcome.seconds, 0.001))
    console.log(`${name}: seed ${seed}, ${outcome.runs} inputs, ${rate} a second, ${outcome.findings.length} findings`)
    for (const finding of outcome.findings) {
      process.exitCode = 1
      console.log(`  seed ${finding.seed}: ${finding.broken}\n    ${await keep(finding)}\n${finding.detail}`)
    }
  }
}

await main()
