import { expect } from 'chai'
import { spawn } from 'node:child_process'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import { executable, filesBelow, lastLine, makeInstallation, requireBuild, sweepInstallation } from './installation.js'

interface Counts {
  readonly total: number
  readonly requested: number
  readonly claimed: number
  readonly exported: number
}
const countsOf = (last: unknown): Counts => (last as { projects: ReadonlyArray<Counts> }).projects[0]!

describe('stopping pixl run', function () {
  this.timeout(120_000)
  let hospital: SyntheticHospital
  before(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory())
  })
  after(removeTemporaryDirectories)
  const finalCounts = (): object => {
    const { total, exported, skipped, absent, failed } = hospital.expected.extract['lung-nodules']!
    return { total, exported, skipped, absent, failed }
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`finishes the studies in hand at ${signal}, exits 3, and goes on to the end when run again`, async () => {
      const one = await makeInstallation(hospital)
      const running = one.startRun(hospital.extract, ['--json', '--rate', '4'])
      await running.says(/Read 32 rows/)
      running.signal(signal)
      const stopped = await running.ended
      expect([stopped.code, stopped.signal]).to.deep.equal([3, null])
      expect(stopped.err).to.contain('Stopping: the studies in hand are finished first.')
      expect(stopped.err).to.match(/Stopped with \d+ studies left\. Run the same command again; it continues\./)
      const counts = countsOf(lastLine(stopped))
      expect(counts.claimed).to.equal(0)
      expect(counts.requested).to.be.above(0)
      expect(await filesBelow(one.out)).to.have.length(counts.exported)
      const again = await one.run(hospital.extract, ['--json'])
      expect(again.code).to.equal(2)
      expect(countsOf(lastLine(again))).to.include(finalCounts())
      expect((await one.pixl(['audit', '--state', one.state])).code).to.equal(0)
      expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
    })

  it('goes on, and says nothing of its own code, when nobody reads what it prints any more', async () => {
    const one = await makeInstallation(hospital)
    const child = spawn(process.execPath, [
      executable,
      ...['run', hospital.extract, '--images', hospital.images, '--projects', hospital.projects],
      ...['--out', one.out, '--state', one.state],
    ])
    child.stdout.destroy()
    child.stderr.destroy()
    const code = await new Promise((resolve) => void child.on('exit', resolve))
    expect(code).to.equal(2)
    expect((await one.pixl(['audit', '--state', one.state])).code).to.equal(0)
  })

  it('ends at once at the second signal and loses nothing by it', async () => {
    const one = await makeInstallation(hospital)
    const running = one.startRun(hospital.extract, ['--rate', '1'])
    await running.says(/Read 32 rows/)
    running.signal('SIGINT')
    await running.says(/Press Ctrl-C again/)
    running.signal('SIGINT')
    expect((await running.ended).code).to.be.oneOf([3, 130])
    const again = await one.run(hospital.extract, ['--json'])
    expect(countsOf(lastLine(again))).to.include(finalCounts())
    expect((await one.pixl(['audit', '--state', one.state])).code).to.equal(0)
  })

  it('refuses a second run on the state directory while status, explain and audit are answered', async () => {
    const one = await makeInstallation(hospital)
    const running = one.startRun(hospital.extract, ['--json', '--rate', '3'])
    await running.says(/Read 32 rows/)
    const second = await one.run(hospital.extract)
    expect(second.code).to.equal(1)
    expect(second.err.trimEnd().split('\n').at(-1)).to.match(
      new RegExp(`^${one.state}: is in use by process ${running.pid} on .*; wait until it ends, or stop it; `),
    )
    const status = await one.pixl(['status', '--json', '--state', one.state])
    expect(status.code).to.equal(0)
    expect(countsOf(lastLine(status)).total).to.equal(30)
    const audit = await one.pixl(['audit', '--state', one.state])
    expect(audit.out).to.match(/^Looked at 30 studies and \d+ delivered objects?\./)
    expect(audit.code).to.equal(0)
    const { value } = hospital.markers.find(({ label }) => label === 'patient 3 MRN')!
    const story = await one.pixl(['explain', '-', '--state', one.state], { input: `${value}\n` })
    expect([story.code, story.out]).to.satisfy(([code, out]: [number, string]) => code === 0 && /^Study /.test(out))
    const replay = await one.pixl(['replay', '--state', one.state])
    expect(replay.code).to.equal(1)
    expect(replay.err).to.contain(`is in use by process ${running.pid}`)
    running.signal('SIGINT')
    expect((await running.ended).code).to.equal(3)
    expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
  })
})
