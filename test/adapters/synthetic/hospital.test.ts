import { expect } from 'chai'
import dicomParser from 'dicom-parser'
import * as E from 'fp-ts/lib/Either.js'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readHeader } from '../../../adapters/dicom/header.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import { makeFolderImageArchive } from '../../../adapters/folder/image-archive.js'
import type { SyntheticHospital } from '../../../adapters/synthetic/hospital.js'
import { makeSyntheticHospital } from '../../../adapters/synthetic/hospital.js'
import { removeTemporaryDirectories, temporaryDirectory } from '../../support/directories.js'
import { sweep } from '../../support/canary.js'
import { complaints, requirePrograms } from './programs.js'
import { countReasons, projectSlugs, readProject, rehearse } from './rehearsal.js'

const filesUnder = async (directory: string): Promise<ReadonlyArray<string>> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

const digestOf = async (directory: string): Promise<string> => {
  const hash = createHash('sha256')
  for (const path of await filesUnder(directory)) hash.update(path.slice(directory.length)).update(await readFile(path))
  return hash.digest('hex')
}

/** Files the hospital damages on purpose, or that only look like images. */
const isWhole = async (path: string): Promise<boolean> => {
  const bytes = await readFile(path)
  return bytes.length > 1000 && bytes.toString('latin1', 128, 132) === 'DICM'
}

describe('synthetic hospital', () => {
  let directory: string
  let hospital: SyntheticHospital
  before(async () => {
    directory = await temporaryDirectory()
    hospital = await makeSyntheticHospital(directory)
  })
  after(removeTemporaryDirectories)

  it('is the same for the same seed and another for another', async () => {
    const [again, other] = [await temporaryDirectory(), await temporaryDirectory()]
    await makeSyntheticHospital(again, { seed: 1 })
    await makeSyntheticHospital(other, { seed: 2 })
    const digest = await digestOf(hospital.images)
    expect(await digestOf(join(again, 'images'))).to.equal(digest)
    expect(await digestOf(join(other, 'images'))).to.not.equal(digest)
    expect(await readFile(join(again, 'cohort.csv'), 'utf8')).to.equal(await readFile(hospital.cohortCsv, 'utf8'))
  })

  it('repeats the ordinary studies for other patients at a larger scale', async () => {
    const larger = await makeSyntheticHospital(await temporaryDirectory(), { scale: 3 })
    const [one, three] = [hospital.expected.extract['lung-nodules']!, larger.expected.extract['lung-nodules']!]
    expect(three.exported).to.equal(3 * one.exported)
    expect(three.total - one.total).to.equal(2 * one.exported)
    expect(three.reasons).to.deep.equal(one.reasons)
  })

  it('stays below 10 MB', async () => {
    const sizes = await Promise.all((await filesUnder(directory)).map(async (path) => (await stat(path)).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.below(10_000_000)
  })

  it('plants every marker where the sweep finds it', async () => {
    const findings = await sweep({ markers: hospital.markers, places: [{ name: 'hospital', path: directory }] })
    const found = new Set(findings.map(({ marker }) => marker))
    const otherForms = /birth date, ISO$|in Unicode$|^patient (0|\d+ family name)/
    expect(
      hospital.markers.map(({ label }) => label).filter((label) => !found.has(label) && !otherForms.test(label)),
    ).to.deep.equal([])
  })

  it('configures projects the decoders accept', async () => {
    const slugs = await projectSlugs(hospital.projects)
    expect(slugs).to.have.members(['knee-mri', 'liver-ultrasound', 'lung-nodules', 'registry-only'])
    for (const slug of slugs) {
      const { config, scheme } = await readProject(hospital.projects, slug)
      expect(config.project.name).to.equal(slug)
      expect(scheme.base.size).to.be.above(60)
    }
  })

  it('has useless rows in its cohorts: repeated, without identifiers, undated', async () => {
    const summaryOf = async (source: string): Promise<unknown> => {
      const cohort = await makeDuckdbCohortReader().open(source)()
      if (E.isLeft(cohort)) return cohort.left
      for await (const batch of cohort.right.batches) expect(batch).to.not.have.length(0)
      await cohort.right.close()
      const { duplicates, withoutIdentifier, rejections } = cohort.right.summary()
      return { duplicates, withoutIdentifier, rejected: rejections.map(({ column }) => column) }
    }
    const once = { duplicates: 1, withoutIdentifier: 1 }
    expect(await summaryOf(hospital.extract)).to.deep.equal({ ...once, rejected: [] })
    expect(await summaryOf(hospital.cohortCsv)).to.deep.equal({ ...once, rejected: ['study_date'] })
  })

  it('is a folder of 30 studies among files that are not images and files that are damaged', async () => {
    const index = join(await temporaryDirectory(), 'index.jsonl')
    const archive = makeFolderImageArchive({ images: hospital.images, index, readHeader })
    expect(await archive.scan()).to.deep.equal(
      E.right({
        files: (await filesUnder(hospital.images)).length,
        studies: 30,
        notDicom: 6,
        damaged: 3,
        unreadable: 0,
      }),
    )
  })

  it('keeps the private number of one maker, hashes serial numbers and cleans the items of kept sequences', async () => {
    const scratch = await temporaryDirectory()
    const spool = join(scratch, 'spool')
    await mkdir(spool)
    await rehearse({ ...hospital, cohort: hospital.extractSingle, index: join(scratch, 'index.jsonl'), spool })
    const makers = new Set<string>()
    for (const path of (await filesUnder(spool)).filter((name) => name.endsWith('.dcm'))) {
      const image = dicomParser.parseDicom(await readFile(path))
      const maker = image.string('x00080070')!
      makers.add(maker)
      expect(image.string('x00191010'), maker).to.equal(maker.startsWith('Fabrikam') ? '12.5' : undefined)
      expect(image.elements).to.not.have.any.keys('x00191011', 'x00091001', 'x00104000', 'x00080080', 'xfffcfffc')
      expect(image.string('x00181000')).to.match(/^[0-9a-f]{64}$/)
      const order = image.elements['x00400275']!.items![0]!.dataSet!
      expect(order.string('x00401001')).to.equal('ANONYMIZED')
      expect(order.string('x00080050')).to.equal('ANONYMIZED')
      expect(order.elements).to.not.have.any.keys('x00321060')
      expect(order.elements['x00081110']!.items![0]!.dataSet!.string('x00081155')).to.match(/^2\.25\./)
    }
    expect([...makers]).to.have.members(['Fabrikam Medical', 'Northwind Imaging'])
  })

  for (const input of ['extract', 'extractSingle', 'csv'] as const)
    it(`ends as it says when every study of ${input} is gone through, and nothing identifying is left`, async () => {
      const scratch = await temporaryDirectory()
      const spool = join(scratch, 'spool')
      await mkdir(spool)
      const cohort = input === 'csv' ? hospital.cohortCsv : hospital[input]
      const endings = await rehearse({ ...hospital, cohort, index: join(scratch, 'index', 'index.jsonl'), spool })
      expect([...endings.keys()]).to.have.members(Object.keys(hospital.expected[input]))
      for (const [project, ended] of endings) {
        const { total, exported, reasons } = hospital.expected[input][project as 'knee-mri']!
        expect(countReasons(ended), project).to.deep.equal({ total, exported, reasons })
      }
      const places = [{ name: 'spool', path: spool }]
      expect(await sweep({ markers: hospital.markers, places })).to.deep.equal([])
    })

  it('consists of images valid for their kind', async function () {
    requirePrograms(this, 'dcmdump', 'dciodvfy')
    this.timeout(120_000)
    const invalid: Array<string> = []
    for (const path of await filesUnder(hospital.images))
      if (await isWhole(path)) for (const complaint of await complaints(path)) invalid.push(complaint)
    // One file is cut off in the pixels on purpose.
    expect(invalid.filter((complaint) => !/read failed|PixelData|Seek failed|dcmdump/.test(complaint))).to.deep.equal(
      [],
    )
    expect(invalid.filter((complaint) => complaint.startsWith('dcmdump'))).to.have.length(1)
  })

  it('leaves images valid for their kind after the tag operations of its projects', async function () {
    requirePrograms(this, 'dcmdump', 'dciodvfy')
    this.timeout(120_000)
    const scratch = await temporaryDirectory()
    const spool = join(scratch, 'spool')
    await mkdir(spool)
    await rehearse({ ...hospital, cohort: hospital.extract, index: join(scratch, 'index', 'index.jsonl'), spool })
    const images = (await filesUnder(spool)).filter((path) => path.endsWith('.dcm'))
    expect(images).to.not.have.length(0)
    // The year 1, by which the tag operations replace dates, is one the program does not believe in.
    const expected = /DA .*<00010101>|contains invalid data values for Value Representations/
    for (const path of images) {
      const unexpected = (await complaints(path)).filter((complaint) => !expected.test(complaint))
      expect(unexpected, path.slice(spool.length)).to.deep.equal([])
    }
  })
})
