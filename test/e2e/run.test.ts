import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import type { Expected } from '../../adapters/synthetic/requests.js'
import { checkZip } from '../../adapters/zip/check-zip.js'
import { reasonSentence } from '../../domain/reasons.js'
import type { Reason } from '../../domain/reasons.js'
import { complaints, requirePrograms } from '../adapters/synthetic/programs.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import type { Ended, Installation } from './installation.js'
import {
  filesBelow,
  lastLine,
  makeInstallation,
  requireBuild,
  startProgram,
  sweepInstallation,
} from './installation.js'

const idle = { requested: 0, claimed: 0, awaiting: 0, held: 0 }

/** The projects of the last line, as they must be. */
const projectsOf = (expected: Expected): ReadonlyArray<unknown> =>
  Object.entries(expected)
    .map(([project, { total, exported, skipped, absent, failed }]) => ({
      project,
      total,
      ...idle,
      exported,
      skipped,
      absent,
      failed,
    }))
    .sort((a, b) => a.project.localeCompare(b.project))

/** The reason lines of the report, as they must be. */
const reasonLines = (expected: Expected): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const { reasons } of Object.values(expected))
    for (const [reason, count] of Object.entries(reasons)) counts.set(reason, (counts.get(reason) ?? 0) + count)
  return [...counts].map(([reason, count]) => `${count} x ${reason}: ${reasonSentence[reason as Reason]}`).sort()
}
const printedReasons = (text: string): ReadonlyArray<string> =>
  text
    .split('\n')
    .filter((line) => / x \w+: /.test(line))
    .sort()

const expectCounts = (ended: Ended, expected: Expected): void => {
  const last = lastLine(ended) as { projects: unknown; durationMs: unknown }
  expect(Object.keys(last)).to.deep.equal(['projects', 'durationMs'])
  expect(last.projects).to.deep.equal(projectsOf(expected))
  expect(last.durationMs).to.be.a('number')
  expect(printedReasons(ended.err)).to.deep.equal(reasonLines(expected))
}

/** Names, times and places of all delivered files. */
const snapshot = async (out: string): Promise<ReadonlyArray<string>> =>
  Promise.all(
    (await filesBelow(out)).map(async (name) => {
      const { ino, mtimeMs, size } = await stat(join(out, name))
      return `${name} ${ino} ${mtimeMs} ${size}`
    }),
  )

describe('pixl run over the synthetic hospital', function () {
  this.timeout(120_000)
  let hospital: SyntheticHospital
  let one: Installation
  let first: Ended
  before(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory())
    one = await makeInstallation(hospital)
    first = await one.run(hospital.extract, ['--json'])
  })
  after(removeTemporaryDirectories)

  const pixl = (...args: ReadonlyArray<string>): Promise<Ended> => one.pixl([...args, '--state', one.state])
  const delivered = async (): Promise<ReadonlyArray<string>> => filesBelow(one.out)
  const uidOf = (name: string): string => name.replace(/^.*\//, '').replace(/\.zip$/, '')

  it('ends every study of an extract as it must and exits 2 when some failed', () => {
    expect(first.code).to.equal(2)
    expectCounts(first, hospital.expected.extract)
    expect(first.out.trimEnd().split('\n')).to.have.length(1)
    expect(first.err).to.contain(`is delivered to ${one.out} (--out), not to the destinations they name.`)
  })

  it('delivers one zip per exported study under project and pseudo study UID', async () => {
    const names = await delivered()
    expect(names).to.have.length(hospital.expected.extract['lung-nodules']!.exported)
    for (const name of names) {
      expect(name).to.match(/^lung-nodules\/2\.25\.[0-9]{1,39}\.zip$/)
      const found = await checkZip(join(one.out, name))
      expect(found._tag).to.equal('Sound')
    }
  })

  it('names entries by pseudo series and instance and writes images valid for their kind', async function () {
    requirePrograms(this, 'dcmdump', 'dciodvfy', 'unzip')
    const unpacked = await temporaryDirectory()
    for (const name of await delivered()) {
      await mkdir(join(unpacked, uidOf(name)))
      await promisify(execFile)('unzip', ['-q', join(one.out, name), '-d', join(unpacked, uidOf(name))])
    }
    const expected = /DA .*<00010101>|contains invalid data values for Value Representations/
    const images = await filesBelow(unpacked)
    expect(images).to.not.have.length(0)
    for (const image of images) {
      expect(image).to.match(/^2\.25\.[0-9]+\/2\.25\.[0-9]+\/2\.25\.[0-9]+\.dcm$/)
      const unexpected = (await complaints(join(unpacked, image))).filter((complaint) => !expected.test(complaint))
      expect(unexpected, image).to.deep.equal([])
    }
  })

  it('sends nothing again when it is run twice', async () => {
    const before = await snapshot(one.out)
    const again = await one.run(hospital.extract, ['--json'])
    expect(again.code).to.equal(2)
    expectCounts(again, hospital.expected.extract)
    expect(again.err).to.match(/Read 32 rows: 0 new studies, 14 known, 16 exported before/)
    expect(await snapshot(one.out)).to.deep.equal(before)
  })

  it('tells the counts and reasons afterwards, as a table and as JSON', async () => {
    const [table, json] = [await pixl('status'), await pixl('status', '--json')]
    expect([table.code, json.code]).to.deep.equal([0, 0])
    expect(printedReasons(table.out)).to.deep.equal(reasonLines(hospital.expected.extract))
    expect(table.out).to.match(/^lung-nodules +30 +16 +10 +1 +3$/m)
    expect(lastLine(json)).to.deep.equal({ projects: projectsOf(hospital.expected.extract) })
  })

  it('finds every promise kept', async () => {
    const audit = await pixl('audit')
    expect(audit.out).to.equal(
      'Looked at 30 studies and 16 delivered objects.\nEvery promise holds: nothing lost, nothing twice, nothing half-delivered.\n',
    )
    expect(audit.code).to.equal(0)
  })

  it('explains a study by its pseudo study UID', async () => {
    const uid = uidOf((await delivered())[0]!)
    const story = await pixl('explain', uid)
    expect(story.code).to.equal(0)
    expect(story.out).to.contain(`Study ${uid} of project lung-nodules: exported.`)
    expect(story.out).to.match(
      new RegExp(`Destination folder: delivered, lung-nodules/${uid}.zip, \\d+ bytes, sha256 [0-9a-f]{64}, `),
    )
    const moves = story.out.split('\n').filter((line) => line.startsWith('  20'))
    expect(moves[0]).to.contain('requested')
    expect(moves.at(-1)).to.contain('claimed -> exported')
  })

  it('explains studies by an original identifier on standard input, without repeating it', async () => {
    const explain = (label: string): Promise<Ended> => {
      const { value } = hospital.markers.find((marker) => marker.label === label)!
      return one.pixl(['explain', '-', '--state', one.state], { input: `${value}\n` })
    }
    const found = await explain('patient 2 MRN')
    expect([found.code, found.out.split('\n')[0]]).to.satisfy(
      ([code, line]: [number, string]) => code === 0 && line.endsWith(' of project lung-nodules: exported.'),
    )
    const absent = await explain('accession number nowhere')
    expect(absent.out).to.match(/^Study \S+ of project lung-nodules: absent, NotInArchive\.\n/)
    expect(absent.out).to.contain('check the identifiers, then replay')
  })

  it('says so when a study is not known, and refuses an original identifier as an argument', async () => {
    const [unknown, refused] = [
      await one.pixl(['explain', '-', '--state', one.state], { input: 'nobody\n' }),
      await pixl('explain', 'AX1234'),
    ]
    expect([unknown.code, unknown.err]).to.deep.equal([1, 'No study of that name is known here.\n'])
    expect(refused.code).to.equal(1)
    expect(refused.err).to.contain('arguments can be seen by others')
  })

  it('gives failed studies another try after replay, and ends them as before', async () => {
    const before = await snapshot(one.out)
    const replay = await pixl('replay', '--only', 'failed')
    expect([replay.code, replay.out]).to.deep.equal([0, '3 studies are requested again.\n'])
    expect((await pixl('status')).out).to.match(/project +total +requested +exported/)
    const again = await one.run(hospital.extract, ['--json'])
    expect(again.code).to.equal(2)
    expectCounts(again, hospital.expected.extract)
    expect(await snapshot(one.out)).to.deep.equal(before)
  })

  it('adds what a later extract asks for and keeps the rest', async () => {
    const before = await snapshot(one.out)
    const later = await one.run(hospital.extractSingle, ['--json'])
    expectCounts(later, hospital.expected.extractThenSingle)
    const after = await snapshot(one.out)
    expect(after).to.include.members([...before])
    expect(after).to.have.length(before.length + 1)
    expect((await pixl('audit')).code).to.equal(0)
  })

  it('leaves nothing identifying, no secret and no unfinished file anywhere', async () => {
    expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
    for (const folder of ['spool', 'temporary']) expect(await filesBelow(join(one.state, folder))).to.deep.equal([])
    expect(await filesBelow(join(one.directory, 'tmp'))).to.deep.equal([])
    expect((await delivered()).filter((name) => !name.endsWith('.zip'))).to.deep.equal([])
    expect((await readFile(join(one.state, 'pixl.log'), 'utf8')).split('\n').length).to.be.above(60)
  })

  it('carries a CSV of four projects, each under its own names', async () => {
    const csv = await makeInstallation(hospital)
    const ended = await csv.run(hospital.cohortCsv, ['--json', '--max-in-flight', '1'])
    expect(ended.code).to.equal(2)
    expectCounts(ended, hospital.expected.csv)
    expect(ended.err).to.match(/cohort\.csv:\d+: study_date: /)
    const names = await filesBelow(csv.out)
    expect(new Set(names.map((name) => name.split('/')[0]))).to.deep.equal(new Set(['knee-mri', 'lung-nodules']))
    expect(new Set(names.map(uidOf)).size).to.equal(names.length)
    expect((await csv.pixl(['audit', '--state', csv.state])).code).to.equal(0)
    expect(await sweepInstallation(csv, hospital.markers)).to.deep.equal([])
  })

  it('exits 0 when no study failed, and prints the summary on standard output without --json', async () => {
    const clean = await makeInstallation(hospital)
    const lines = (await readFile(hospital.cohortCsv, 'utf8')).split('\r\n')
    const cohort = join(clean.directory, 'clean.csv')
    const rows = lines.slice(1).filter((line) => line.includes('Knee MRI'))
    await writeFile(cohort, `${[lines[0], ...rows].join('\r\n')}\r\n`)
    const ended = await clean.run(cohort)
    expect(ended.code).to.equal(0)
    const { total, exported, skipped, absent } = hospital.expected.csv['knee-mri']!
    const [header, row] = ended.out.split('\n')
    expect(header).to.match(/^project +total +exported +skipped +absent +failed$/)
    expect(row!.split(/ +/)).to.deep.equal(['knee-mri', total, exported, skipped, absent, 0].map(String))
    expect(ended.out).to.not.contain('Some studies failed')
  })
})

describe('pixl demo', function () {
  this.timeout(120_000)
  after(removeTemporaryDirectories)

  it('runs a hospital of its own, shows what it gave and what to type next, and exits 0', async () => {
    await requireBuild()
    const scratch = await temporaryDirectory()
    const demo = await startProgram(['demo'], { env: { TMPDIR: scratch }, cwd: scratch }).ended
    expect(demo.code, demo.err).to.equal(0)
    expect(demo.out).to.match(/lung-nodules +30 +16 +10 +1 +3/)
    expect(demo.out).to.contain('1 x NotInArchive: ')
    expect(demo.out).to.match(/^ {4}2\.25\.\d+\.zip$/m)
    expect(demo.out).to.match(/What to type next:\n {2}npx pixl status --state \S+\n {2}npx pixl audit --state /)
    const typed = [...demo.out.matchAll(/npx pixl (status|audit) --state (\S+)/g)]
    for (const [, command, state] of typed)
      expect((await startProgram([command!, '--state', state!]).ended).code, command).to.equal(0)
  })
})
