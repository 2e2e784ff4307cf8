import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { checkZip } from '../../adapters/zip/check-zip.js'
import { filesBelow, lastLine, requireBuild, sweepInstallation } from '../e2e/installation.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import { killDrill, twinOf } from './kill.js'

const digests = async (directory: string): Promise<ReadonlyArray<string>> =>
  Promise.all(
    (await filesBelow(directory)).map(async (name) => {
      const bytes = await readFile(join(directory, name))
      return `${name} ${createHash('sha256').update(bytes).digest('hex')}`
    }),
  )

/** `DRILL_KILLS` and `DRILL_SEED` make it longer and different; the fixed form is what every test run does. */
const kills = Number(process.env['DRILL_KILLS'] ?? 30)
const seed = Number(process.env['DRILL_SEED'] ?? 20261122)

describe('kill -9 of pixl run', function () {
  this.timeout(60_000 + kills * 20_000)
  let hospital: SyntheticHospital
  before(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory(), { scale: Math.max(3, Math.ceil(kills / 3)) })
  })
  after(removeTemporaryDirectories)

  it(`loses, doubles and leaves behind nothing at ${kills} random moments (seed ${seed})`, async () => {
    const { installation, kills: endings, last } = await killDrill(hospital, { seed, kills })
    const during = (what: string): number => endings.filter((life) => life.during === what).length
    console.log(
      `      ${kills} lives killed: ${during('start-up')} during start-up, ${during('work')} at work, ${during('after the end')} had ended`,
    )
    expect(last.code, last.err).to.equal(2)
    const { total, exported, skipped, absent, failed } = hospital.expected.extract['lung-nodules']!
    const { projects } = lastLine(last) as { projects: ReadonlyArray<unknown> }
    expect(projects).to.have.length(1)
    expect(projects[0]).to.include({ total, exported, skipped, absent, failed, requested: 0, claimed: 0, awaiting: 0 })

    const delivered = await filesBelow(installation.out)
    expect(delivered).to.have.length(exported)
    for (const name of delivered) {
      expect(name).to.match(/^lung-nodules\/2\.25\.\d+\.zip$/)
      expect((await checkZip(join(installation.out, name)))._tag).to.equal('Sound')
    }
    for (const folder of ['spool', 'temporary'])
      expect(await filesBelow(join(installation.state, folder))).to.deep.equal([])
    const kept = (await filesBelow(installation.state)).filter((name) => !/^(database|secrets)\//.test(name))
    const names = kept.map((name) => name.replace(/^lock\.\d+$/, 'lock')).sort()
    expect(names).to.deep.equal(['images.index', 'lock', 'out.json', 'pixl.log'])
    expect(await filesBelow(join(installation.directory, 'tmp'))).to.deep.equal([])

    const audit = await installation.pixl(['audit', '--state', installation.state])
    expect([audit.code, audit.out.split('\n')[1]]).to.deep.equal([
      0,
      'Every promise holds: nothing lost, nothing twice, nothing half-delivered.',
    ])
    const twin = await twinOf(installation, hospital)
    await twin.run(hospital.extract)
    expect(await digests(installation.out)).to.deep.equal(await digests(twin.out))
    expect(await sweepInstallation(installation, hospital.markers)).to.deep.equal([])
  })
})
