import { expect } from 'chai'
import { writeLargeStudy } from '../../adapters/synthetic/large-study.js'
import { lastLine, requireBuild } from '../e2e/installation.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import { memoryDrill } from './memory.js'

/** Large enough to fail when a study is held in memory; `npm run bench:memory` uses 2 GB. */
const studyBytes = 300_000_000
const mostAboveIdle = 150

describe('memory of pixl run', function () {
  this.timeout(180_000)
  before(requireBuild)
  afterEach(removeTemporaryDirectories)

  it('does not grow with the study it exports', async function () {
    if (process.platform !== 'linux') this.skip()
    const study = await writeLargeStudy(await temporaryDirectory(), studyBytes)
    const { idle, peak, last } = await memoryDrill(study)
    const figures = `idle ${idle.now.toFixed(0)} MiB (peak ${idle.peak.toFixed(0)}), exporting 300 MB ${peak.toFixed(0)} MiB`
    console.log(`      ${figures}`)
    expect(last.code, last.err).to.equal(0)
    expect(lastLine(last)).to.have.nested.property('projects[0].exported', 1)
    expect(peak - idle.now, figures).to.be.below(mostAboveIdle)
  })
})
