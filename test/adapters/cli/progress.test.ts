import { expect } from 'chai'
import { PassThrough } from 'node:stream'
import { makeProgress } from '../../../adapters/cli/progress.js'
import type { Terminal } from '../../../adapters/cli/host.js'
import { imageStates } from '../../../domain/extract.js'
import { known, ProjectSlug } from '../../../domain/identifiers.js'

const counts = (requested: number, exported: number) => {
  const none = Object.fromEntries(imageStates.map((state) => [state, 0])) as Record<
    (typeof imageStates)[number],
    number
  >
  const project = known(ProjectSlug, 'lung-nodules')
  return [{ project, total: requested + exported, states: { ...none, requested, exported }, reasons: {} }]
}

describe('progress of a run on a terminal', () => {
  it('leaves the line of the bar before anything else is said, and goes on with another', () => {
    const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 100 })
    const terminal = { isInteractive: true } as Terminal
    const progress = makeProgress(terminal, Date.now, screen)
    progress.show(counts(2, 0))
    progress.end()
    screen.write('Stopping\n')
    progress.show(counts(1, 1))
    progress.end()
    const lines = String(screen.read()).split('\n')
    expect(lines).to.have.length(4)
    expect(lines[0]).to.contain('0/2')
    expect(lines[1]).to.equal('Stopping')
    expect(lines[2]).to.contain('1/2')
  })
})
