import { expect } from 'chai'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { SyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../adapters/synthetic/hospital.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../support/directories.js'
import type { Ended, Installation } from './installation.js'
import { filesBelow, lastLine, makeInstallation, requireBuild, sweepInstallation } from './installation.js'

/** What is changed before `pixl run`, in copies of the hospital's files. */
interface Spoilt {
  readonly extract: string
  readonly projects: string
  readonly images: string
  readonly cohortCsv: string
  readonly out: string
  readonly state: string
  readonly more: ReadonlyArray<string>
}

interface BadInput {
  readonly what: string
  /** Spoils something and gives what to name differently on the command line. */
  readonly spoil: (given: Spoilt) => Promise<Partial<Spoilt> & { readonly cohort?: string }>
  /** The sentence: what, where, what to do. */
  readonly says: ReadonlyArray<string | RegExp>
}

const replaceIn = async (file: string, from: string, to: string): Promise<void> => {
  const text = await readFile(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} holds no ${from}`)
  await writeFile(file, text.replace(from, to))
}

const columnsOnly = async (file: string): Promise<void> => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (SELECT 1 AS person, 'x' AS mrn) TO '${file}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
}

const summaryOf = ({ extract }: Spoilt): string => join(extract, 'extract_summary.json')
const lungOf = ({ projects }: Spoilt): string => join(projects, 'lung-nodules.yaml')
const inProject =
  (from: string, to: string): BadInput['spoil'] =>
  async (given) => {
    await replaceIn(lungOf(given), from, to)
    return {}
  }

const badInputs: ReadonlyArray<BadInput> = [
  {
    what: 'an extract without extract_summary.json',
    spoil: async (given) => rm(summaryOf(given)).then(() => ({})),
    says: ['extract_summary.json: it does not exist; name the directory of an OMOP ES extract'],
  },
  {
    what: 'a malformed extract_summary.json',
    spoil: async (given) => writeFile(summaryOf(given), '{"datetime": ').then(() => ({})),
    says: ['extract_summary.json: it is not JSON in UTF-8; take extract_summary.json from the extract'],
  },
  {
    what: 'an extract_summary.json without its time',
    spoil: async (given) => replaceIn(summaryOf(given), '"datetime"', '"when"').then(() => ({})),
    says: ['extract_summary.json: datetime: expected'],
  },
  {
    what: 'an extract that does not exist',
    spoil: () => Promise.resolve({ cohort: '/nowhere/extract' }),
    says: ['/nowhere/extract'],
  },
  {
    what: 'a missing parquet file',
    spoil: async ({ extract }) => rm(join(extract, 'private', 'person_links'), { recursive: true }).then(() => ({})),
    says: ['PERSON_LINKS.parquet: it does not exist, nor does private/person_links/; copy the extract again'],
  },
  {
    what: 'a damaged parquet file',
    spoil: async ({ extract }) => {
      const file = join(extract, 'private', 'person_links', 'part-1.parquet')
      await writeFile(file, (await readFile(file)).subarray(0, 100))
      return {}
    },
    says: ['part-1.parquet', /copy|again/],
  },
  {
    what: 'a parquet file of other columns',
    spoil: async ({ extract }) => {
      for (const part of [0, 1]) await columnsOnly(join(extract, 'private', 'person_links', `part-${part}.parquet`))
      return {}
    },
    says: [/person_links\/part-\d\.parquet/, 'column'],
  },
  {
    what: 'a CSV of other columns',
    spoil: async ({ cohortCsv }) => writeFile(cohortCsv, 'a,b\r\n1,2\r\n').then(() => ({ cohort: cohortCsv })),
    says: ['cohort.csv: its header', /\.$/],
  },
  {
    what: 'a cohort without rows',
    spoil: async ({ cohortCsv }) => {
      const [header] = (await readFile(cohortCsv, 'utf8')).split('\r\n')
      await writeFile(cohortCsv, `${header!}\r\n`)
      return { cohort: cohortCsv }
    },
    says: ['cohort.csv', /no (row|study|usable)/],
  },
  {
    what: 'a project without configuration',
    spoil: async (given) => rm(lungOf(given)).then(() => ({})),
    says: ['There is no configuration for project lung-nodules; add lung-nodules.yaml to the projects folder.'],
  },
  {
    what: 'a project file that is not YAML',
    spoil: inProject('allowed_manufacturers:', 'allowed_manufacturers: ]'),
    says: [/lung-nodules\.yaml:6: is not valid YAML \(\w+\); correct the file\.$/],
  },
  {
    what: 'an unknown key in a project file',
    spoil: inProject('min_instances_per_series', 'min_instances_per_serie'),
    says: ['lung-nodules.yaml:9: min_instances_per_serie: ', 'correct the file.'],
  },
  {
    what: 'a missing tag operations file',
    spoil: async ({ projects }) => rm(join(projects, 'tag-operations', 'xray.yaml')).then(() => ({})),
    says: ['lung-nodules.yaml:4: tag_operation_files.base[2]: expected the name of a file in tag-operations'],
  },
  {
    what: 'a regular expression JavaScript would read differently',
    spoil: inProject('^northwind', '\\\\Anorthwind'),
    says: ['lung-nodules.yaml:7: allowed_manufacturers[0].regex: '],
  },
  {
    what: 'an unknown destination',
    spoil: inProject('dicom: ftps', 'dicom: pigeon'),
    says: ['lung-nodules.yaml:11: destination.dicom: expected a destination that has an uploader, or none'],
  },
  {
    what: 'a folder of images that does not exist',
    spoil: ({ images }) => Promise.resolve({ images: `${images}-missing` }),
    says: ['images-missing: is not a folder; name the folder that holds the DICOM files.'],
  },
  {
    what: 'a folder of projects that does not exist',
    spoil: ({ projects }) => Promise.resolve({ projects: `${projects}-missing` }),
    says: ['projects-missing: does not exist; name the folder that holds the project files.'],
  },
  {
    what: 'another output folder than before',
    spoil: ({ projects }) => Promise.resolve({ out: `${projects}-out` }),
    says: [
      /projects-out: is not where this state directory delivers to \(.*\); use that folder, or another state directory\.$/,
    ],
  },
  {
    what: 'an output folder below a file',
    spoil: ({ projects, cohortCsv }) => Promise.resolve({ out: join(cohortCsv, 'out'), state: `${projects}-state` }),
    says: [
      'cohort.csv/out: cannot be written to (ENOTDIR); make room or grant access, or choose another output folder.',
    ],
  },
  {
    what: 'an output folder that cannot be made',
    spoil: ({ projects }) => Promise.resolve({ out: '/proc/out', state: `${projects}-state` }),
    says: ['/proc/out: cannot be written to (ENOENT); make room or grant access, or choose another output folder.'],
  },
  {
    what: 'a rate of 0',
    spoil: () => Promise.resolve({ more: ['--rate', '0'] }),
    says: ["option '--rate <n>' argument '0' is invalid. Expected a number above 0."],
  },
  {
    what: 'a rate that is no number',
    spoil: () => Promise.resolve({ more: ['--rate', 'fast'] }),
    says: ["option '--rate <n>' argument 'fast' is invalid. Expected a number above 0."],
  },
  {
    what: 'an option nobody knows',
    spoil: () => Promise.resolve({ more: ['--quick'] }),
    says: ["unknown option '--quick'"],
  },
]

const expectNoTrace = ({ out, err }: Ended): void =>
  void expect(out + err).to.not.match(/^\s+at |node:internal|\[object|undefined|Unhandled|throw /m)

const lastSentence = ({ err }: Ended): string => err.trimEnd().split('\n').at(-1)!

describe('pixl run on bad input', function () {
  this.timeout(60_000)
  let hospital: SyntheticHospital
  let one: Installation
  let before1: string
  before(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory())
    one = await makeInstallation(hospital)
    await one.run(hospital.extract)
    before1 = (await one.pixl(['status', '--json', '--state', one.state])).out
  })
  after(removeTemporaryDirectories)

  const copies = async (): Promise<Spoilt> => {
    const directory = await temporaryDirectory()
    const [extract, projects, cohortCsv] = ['extract', 'projects', 'cohort.csv'].map((name) => join(directory, name))
    await cp(hospital.extract, extract!, { recursive: true })
    await cp(hospital.projects, projects!, { recursive: true })
    await cp(hospital.cohortCsv, cohortCsv!)
    const { images } = hospital
    return {
      extract: extract!,
      projects: projects!,
      cohortCsv: cohortCsv!,
      images,
      out: one.out,
      state: one.state,
      more: [],
    }
  }

  for (const { what, spoil, says } of badInputs)
    it(`says what is wrong with ${what}, where, and what to do`, async () => {
      const given = await copies()
      const { cohort, ...spoilt } = await spoil(given)
      const { extract, images, projects, out, state, more } = { ...given, ...spoilt }
      const folders = ['--images', images, '--projects', projects, '--out', out, '--state', state]
      const ended = await one.pixl(['run', cohort ?? extract, ...folders, ...more])
      expect([ended.code, ended.out]).to.deep.equal([1, ''])
      for (const part of says)
        if (typeof part === 'string') expect(lastSentence(ended)).to.contain(part)
        else expect(lastSentence(ended)).to.match(part)
      expect(lastSentence(ended)).to.match(/[.']$/)
      expectNoTrace(ended)
    })

  it('has changed no row and no delivered file by any of that, and told nothing identifying', async () => {
    expect((await one.pixl(['status', '--json', '--state', one.state])).out).to.equal(before1)
    expect((await one.pixl(['audit', '--state', one.state])).code).to.equal(0)
    expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
  })

  it('refuses a state directory of a newer version and leaves it as it is', async () => {
    const newer = await makeInstallation(hospital)
    await newer.run(hospital.extractSingle)
    const version = join(newer.state, 'database', 'PG_VERSION')
    const text = await readFile(version, 'utf8')
    await writeFile(version, '99\n')
    const ended = await newer.run(hospital.extractSingle)
    expect(ended.code).to.equal(1)
    expect(lastSentence(ended)).to.equal(
      `${newer.state}: was written by a newer version of this program; use that version, or another state directory.`,
    )
    expectNoTrace(ended)
    await writeFile(version, text)
    expect((await newer.pixl(['audit', '--state', newer.state])).code).to.equal(0)
  })

  it('says which state directory is none', async () => {
    const ended = await one.pixl(['status', '--state', join(one.directory, 'none')])
    expect([ended.code, ended.err]).to.deep.equal([
      1,
      `${join(one.directory, 'none')}: is not a state directory; name one with --state, or start with "pixl run".\n`,
    ])
  })

  it('names every bad variable of the environment and none of their values', async () => {
    const env = { LOG_LEVEL: 'shouting', PIXL_DB_PORT: 'http' }
    const ended = await one.pixl(['status', '--state', one.state], { env })
    expect(ended.code).to.equal(1)
    expect(ended.err)
      .to.match(/LOG_LEVEL .*PIXL_DB_PORT /)
      .and.not.match(/shouting|http/)
  })
})

describe('pixl run over damaged images', function () {
  this.timeout(60_000)
  let hospital: SyntheticHospital
  beforeEach(async () => {
    await requireBuild()
    hospital = await makeSyntheticHospital(await temporaryDirectory())
  })
  afterEach(removeTemporaryDirectories)

  /** The images of one series of a study that only one row asks for. */
  const someImages = async (): Promise<ReadonlyArray<string>> => {
    const folder = (await filesBelow(hospital.images)).filter((name) =>
      /^pacs\/\d{4}\/.*(?<!V00001)\/2\/IM_\d$/.test(name),
    )
    const first = folder[0]!.replace(/\/[^/]*$/, '')
    return folder.filter((name) => name.startsWith(first)).map((name) => join(hospital.images, name))
  }
  const counts = (ended: Ended): Record<string, number> =>
    (lastLine(ended) as { projects: ReadonlyArray<Record<string, number>> }).projects[0]!

  it('fails a study whose instance is cut off, and delivers the others', async () => {
    const [image] = await someImages()
    await writeFile(image!, (await readFile(image!)).subarray(0, -200))
    const one = await makeInstallation(hospital)
    const ended = await one.run(hospital.extract, ['--json'])
    expect(ended.code).to.equal(2)
    const { exported, failed } = hospital.expected.extract['lung-nodules']!
    expect(counts(ended)).to.include({ exported: exported - 1, failed: failed + 1 })
    expect(ended.err).to.match(/2 x UnreadableFile: An instance is damaged/)
    const log = (await readFile(join(one.state, 'pixl.log'), 'utf8')).trimEnd().split('\n')
    const scanned = log
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((e) => e['msg'] === 'ArchiveScanned')
    expect(scanned).to.include({ level: 40, unreadable: 0 })
    for (const kind of ['notDicom', 'damaged']) expect(scanned?.[kind], kind).to.be.above(0)
    expectNoTrace(ended)
    expect(await sweepInstallation(one, hospital.markers)).to.deep.equal([])
  })

  it('takes an instance filed twice once, and fails a study whose two copies differ', async () => {
    const [image, other] = await someImages()
    const elsewhere = join(hospital.images, 'another disc')
    await mkdir(elsewhere)
    await cp(image!, join(elsewhere, 'same.dcm'))
    const one = await makeInstallation(hospital)
    const same = await one.run(hospital.extract, ['--json'])
    const { exported, failed } = hospital.expected.extract['lung-nodules']!
    expect(counts(same)).to.include({ exported, failed })
    const bytes = Buffer.from(await readFile(other!))
    bytes[bytes.length - 1]! ^= 1
    await writeFile(join(elsewhere, 'different.dcm'), bytes)
    const two = await makeInstallation(hospital)
    const different = await two.run(hospital.extract, ['--json'])
    expect(counts(different)).to.include({ exported: exported - 1, failed: failed + 1 })
    expectNoTrace(different)
  })

  it('puts a study together whose files were moved to several folders', async () => {
    const images = await someImages()
    for (const [i, image] of images.entries()) {
      const folder = join(hospital.images, `disc ${i}`)
      await mkdir(folder)
      await rename(image, join(folder, 'file'))
    }
    const one = await makeInstallation(hospital)
    const ended = await one.run(hospital.extract, ['--json'])
    const { exported, failed } = hospital.expected.extract['lung-nodules']!
    expect(counts(ended)).to.include({ exported, failed })
  })
})
