import { expect } from 'chai'
import { targets } from './broken-targets.js'
import { fuzz } from './run.js'

const module = new URL('./broken-targets.ts', import.meta.url).href

describe('the fuzzer', function () {
  this.timeout(120_000)

  const findings = async (names: ReadonlyArray<string>, more: { readonly silenceMs?: number } = {}) => {
    const wanted = targets.filter(({ name }) => names.includes(name)).map(({ name }) => ({ name, runs: 200 }))
    const outcomes = await fuzz({ targets: wanted, seed: 1, seconds: 0, module, mostCpuMs: 500, ...more })
    return outcomes.flatMap((outcome) => outcome.findings)
  }

  it('finds broken promises, unexpected errors, slowness and greed, each once and as small as it gets', async () => {
    const found = await findings(['violates', 'throws', 'slow', 'greedy'])
    expect(found.map(({ target, broken }) => `${target}: ${broken}`)).to.deep.equal([
      'violates: a promise is broken',
      'throws: the check itself fails: TypeError: unexpected',
      'slow: slow',
      'greedy: memory',
    ])
    expect(Buffer.from(found[0]!.input!).toString()).to.equal('bad')
  })

  it('tells the seed at which a process dies', async () => {
    const [found, ...more] = await findings(['dies'])
    expect(more).to.deep.equal([])
    expect(found).to.include({ target: 'dies', broken: 'the process ends with SIGABRT', input: null })
    const again = await fuzz({ targets: [{ name: 'dies', runs: 1 }], seed: found!.seed, seconds: 0, module })
    expect(again[0]!.findings).to.have.length(1)
  })

  it('ends a process that hangs', async () => {
    expect((await findings(['hangs'], { silenceMs: 1_500 })).map(({ broken }) => broken)).to.deep.equal([
      'the reader hangs',
    ])
  })
})
