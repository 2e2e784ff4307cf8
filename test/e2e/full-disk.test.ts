import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import type { Ended, Installation } from './installation.js'
import { filesBelow, lastLine, makeInstallation, requireBuild, sweepInstallation } from './installation.js'

interface Counts {
  readonly requested: number
  readonly exported: number
  readonly failed: number
}
const countsOf = (ended: Ended): Counts => (lastLine(ended) as { projects: ReadonlyArray<Counts> }).projects[0]!

describe('pixl run onto a full disk', function () {
  this.timeout(120_000)
  const mounted: Array<string> = []
  let hospital: SyntheticHospital
  before(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory())
  })
  afterEach(() => {
    for (const disk of mounted.splice(0)) spawnSync('umount', ['-l', disk])
  })
  after(removeTemporaryDirectories)

  /** A disk of its own with `freeKib` left beside a file that takes the rest; the test is skipped where none can be had. */
  const smallDisk = async (
    test: Mocha.Context,
    freeKib: number,
    mib = 4,
  ): Promise<{ out: string; ballast: string }> => {
    const disk = join(await temporaryDirectory(), 'disk')
    await mkdir(disk)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', disk]).status !== 0) {
      test.test!.title += ' (a small disk cannot be mounted here)'
      return test.skip()
    }
    mounted.push(disk)
    const ballast = join(disk, 'ballast')
    await writeFile(ballast, Buffer.alloc((mib * 1024 - freeKib) * 1024))
    return { out: join(disk, 'out'), ballast }
  }

  const expectWhole = async (one: Installation): Promise<void> => {
    const { exported } = hospital.expected.extract['lung-nodules']!
    const names = await filesBelow(one.out)
    expect(names.filter((name) => !name.endsWith('.zip'))).to.deep.equal([])
    expect(names).to.have.length(exported)
    expect((await one.pixl(['audit', '--state', one.state])).code).to.equal(0)
    expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
  }

  it('waits, burns no attempt, and completes once there is space again', async function () {
    const { out, ballast } = await smallDisk(this, 200)
    const one = await makeInstallation(hospital, { out })
    const running = one.startRun(hospital.extract, ['--json'])
    await running.says(/exported [1-9]/)
    await rm(ballast)
    const ended = await running.ended
    expect(ended.code, ended.err).to.equal(2)
    const { exported, failed } = hospital.expected.extract['lung-nodules']!
    expect(countsOf(ended)).to.include({ requested: 0, exported, failed })
    await expectWhole(one)
  })

  it('says so and ends when there is no room for the database of the state directory, and starts when there is', async function () {
    const { out: state, ballast } = await smallDisk(this, 26 * 1024, 90)
    const one = await makeInstallation(hospital, { state })
    const ended = await one.run(hospital.extract)
    expect(ended.code, ended.err).to.equal(1)
    expect(ended.err).to.match(/(database: cannot be opened; its disk has \d+ MiB left|the disk is full)/)
    expect(ended.err).to.not.contain('backup')
    await rm(ballast)
    expect((await one.run(hospital.extract)).code).to.equal(2)
    await expectWhole(one)
  })

  it('exits 3 when stopped meanwhile, leaves no part behind, and goes on when there is space', async function () {
    const { out, ballast } = await smallDisk(this, 200)
    const one = await makeInstallation(hospital, { out })
    const running = one.startRun(hospital.extract, ['--json'])
    await running.says(/exported [1-9]/)
    running.signal('SIGINT')
    const stopped = await running.ended
    expect(stopped.code, stopped.err).to.equal(3)
    const { requested, exported, failed } = countsOf(stopped)
    expect(requested).to.be.above(0)
    expect(failed).to.be.at.most(hospital.expected.extract['lung-nodules']!.failed)
    const names = await filesBelow(one.out)
    expect(names.filter((name) => name.endsWith('.zip'))).to.have.length(exported)
    expect(names).to.have.length(exported)
    await rm(ballast)
    expect((await one.run(hospital.extract)).code).to.equal(2)
    await expectWhole(one)
  })
})
