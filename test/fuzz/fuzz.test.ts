import { expect } from 'chai'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding, Outcome } from './run.js'
import { fuzz } from './run.js'
import { targets } from './targets/index.js'

const findings = fileURLToPath(new URL('./findings', import.meta.url))

/** Inputs of a target that once broke a promise. */
const findingsOf = (target: string): Promise<ReadonlyArray<string>> => readdir(join(findings, target)).catch(() => [])

const shown = ({ seed, broken, detail }: Finding): string => `seed ${seed}: ${broken} ${detail}`

describe('fuzzing', function () {
  this.timeout(180_000)
  let outcomes: ReadonlyArray<Outcome> = []

  before(async () => {
    outcomes = await fuzz({ targets, seed: 1, seconds: 0 })
  })

  it('keeps findings only of targets that exist', async () => {
    expect(targets.map(({ name }) => name)).to.include.members(await readdir(findings))
  })

  for (const { name, runs, open } of targets) {
    it(`${name}: keeps its promises on every input that once broke one`, async () => {
      const target = await open()
      try {
        for (const file of await findingsOf(name)) await target.check(await readFile(join(findings, name, file)))
      } finally {
        await target.close()
      }
    })

    it(`${name}: keeps its promises on inputs that are a little wrong`, () => {
      const outcome = outcomes.find(({ target }) => target === name)
      expect(outcome?.findings.map(shown)).to.deep.equal([])
      expect(outcome?.runs).to.equal(runs)
    })
  }
})
