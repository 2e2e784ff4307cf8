import { expect } from 'chai'
import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDicomDeidentifier } from '../../../adapters/dicom/deidentifier.js'
import type { PseudoPatientId, PseudoStudyUid } from '../../../domain/identifiers.js'
import { verifyContract } from '../../contract/contract.js'
import type { DeidentifierHarness, OriginalInstance } from '../../contract/deidentifier.js'
import { deidentifierContract } from '../../contract/deidentifier.js'
import { fail, succeed } from '../../contract/synthetic.js'
import type { DataSet } from '../../support/dicom.js'
import { dicomFile, el, encapsulated, syntaxes } from '../../support/dicom.js'
import {
  ctInstance,
  filesBelow,
  makeDirectory,
  projectOf,
  pseudonymsOf,
  removeDirectory,
  writeStudy,
} from '../../support/dicom-study.js'

const dataSetOf = (instance: OriginalInstance, compressed: boolean): DataSet => [
  el(0x00080008, 'CS', instance.facts.imageType.join('\\')),
  el(0x00080016, 'UI', instance.facts.sopClassUid),
  el(0x00080018, 'UI', instance.sopInstanceUid),
  el(0x00080050, 'SH', instance.accessionNumber),
  el(0x00080060, 'CS', instance.facts.modality),
  el(0x00080070, 'LO', instance.facts.manufacturer),
  el(0x0008103e, 'LO', instance.facts.seriesDescription),
  el(0x00100010, 'PN', instance.patientName),
  el(0x00100020, 'LO', instance.patientId),
  el(0x0020000d, 'UI', instance.studyInstanceUid),
  el(0x0020000e, 'UI', instance.seriesInstanceUid),
  el(0x00200011, 'IS', String(instance.facts.seriesNumber)),
  el(0x00280010, 'US', [16]),
  el(0x00280011, 'US', [16]),
  el(0x00280100, 'US', [8]),
  el(0x00280301, 'CS', instance.facts.burnedInAnnotation),
  compressed ? encapsulated([Buffer.from(instance.pixels)]) : el(0x7fe00010, 'OB', Buffer.from(instance.pixels)),
]

const startHarness = (transferSyntax: string) => async (): Promise<DeidentifierHarness> => {
  const directory = await makeDirectory()
  const spool = join(directory, 'spool')
  const everything = async () => (await filesBelow(spool)).map(({ name }) => name)
  return {
    deidentifier: makeDicomDeidentifier(spool),
    makeStudy: async (studyInstanceUid, instances, spoiled) => {
      const files = instances.map((one) =>
        dicomFile(dataSetOf(one, transferSyntax === syntaxes.jpeg), { transferSyntax }),
      )
      const raw = await writeStudy(
        directory,
        files.map((bytes, i) => (i === spoiled?.index ? bytes.subarray(0, bytes.length - 100) : bytes)),
        studyInstanceUid,
      )
      if (spoiled?.how === 'missing') await rm(raw.files[spoiled.index]!.reveal())
      return raw
    },
    delivered: async (ref) => {
      const files = await filesBelow(join(spool, ref.location))
      const summary = files.find(({ name }) => name === 'study.json')
      if (summary === undefined) return null
      const { pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes } = JSON.parse(
        summary.bytes.toString(),
      ) as {
        pseudoStudyUid: PseudoStudyUid
        pseudoPatientId: PseudoPatientId
        seriesCount: number
        instanceCount: number
        bytes: number
      }
      const instances = files.filter(({ name }) => name !== 'study.json')
      return { pseudoStudyUid, pseudoPatientId, seriesCount, instanceCount, bytes, instances }
    },
    everything,
    close: () => removeDirectory(directory),
  }
}

verifyContract('dicom Deidentifier, explicit VR', deidentifierContract, startHarness(syntaxes.explicit))
verifyContract('dicom Deidentifier, implicit VR', deidentifierContract, startHarness(syntaxes.implicit))
verifyContract('dicom Deidentifier, encapsulated', deidentifierContract, startHarness(syntaxes.jpeg))

describe('dicom Deidentifier, the spool', () => {
  let directory = ''
  let spool = ''
  beforeEach(async () => {
    directory = await makeDirectory()
    spool = join(directory, 'spool')
  })
  afterEach(() => removeDirectory(directory))

  const pseudonyms = pseudonymsOf()
  const location = `${pseudonyms.pseudoStudyUid}-7`
  const run = async (dataSets: ReadonlyArray<DataSet>, names = pseudonyms) => {
    const raw = await writeStudy(
      directory,
      dataSets.map((dataSet) => dicomFile(dataSet)),
    )
    return makeDicomDeidentifier(spool).deidentify(raw, names, projectOf({ 0x7fe00010: 'keep' }), [], 7)
  }

  it('holds a finished study with its summary, readable by its owner only', async () => {
    const answer = await succeed(await run([ctInstance(), ctInstance({ number: 2 })]))
    expect(answer).to.have.nested.property('ref.location', location)
    const files = await filesBelow(join(spool, location))
    const sizes = files.filter(({ name }) => name.endsWith('.dcm')).map(({ bytes }) => bytes.length)
    expect(sizes).to.have.length(2)
    expect(JSON.parse(await readFile(join(spool, location, 'study.json'), 'utf8'))).to.deep.equal({
      project: pseudonyms.project,
      pseudoStudyUid: pseudonyms.pseudoStudyUid,
      pseudoPatientId: pseudonyms.pseudoPatientId,
      seriesCount: 1,
      instanceCount: 2,
      bytes: sizes[0]! + sizes[1]!,
    })
    for (const path of [spool, join(spool, location)]) expect((await stat(path)).mode & 0o777).to.equal(0o700)
    for (const { name } of files) expect((await stat(join(spool, location, name))).mode & 0o777).to.equal(0o600)
  })

  it('clears what a killed run of the same claim left', async () => {
    const partial = join(spool, `.${location}.partial`)
    await mkdir(join(partial, 'old'), { recursive: true })
    await writeFile(join(partial, 'old', 'half.dcm'), 'half')
    await succeed(await run([ctInstance()]))
    const names = (await filesBelow(spool)).map(({ name }) => name)
    expect(names).to.have.length(2)
    for (const name of names) expect(name.startsWith(`${location}/`)).to.equal(true)
  })

  it('is unavailable when the spool cannot be written, without naming it', async () => {
    await writeFile(spool, 'a file where the folder belongs')
    const error = await fail(await run([ctInstance()]))
    expect(error).to.deep.equal({
      _tag: 'Unavailable',
      port: 'Deidentifier',
      cause: { name: 'Error', code: 'ENOTDIR' },
    })
  })

  it('is unavailable when a file changes between the two passes', async () => {
    const first = dicomFile(ctInstance())
    const raw = await writeStudy(directory, [first])
    const path = raw.files[0]!.reveal()
    let opened = 0
    const changing = { reveal: () => (opened++ === 0 ? path : `${path}-changed`) }
    await writeFile(`${path}-changed`, Buffer.concat([first, Buffer.alloc(2)]))
    const error = await fail(
      makeDicomDeidentifier(spool).deidentify({ ...raw, files: [changing] }, pseudonyms, projectOf({}), [], 7),
    )
    expect(error).to.deep.include({ _tag: 'Unavailable', cause: { name: 'FileChanged' } })
    expect(await filesBelow(spool)).to.deep.equal([])
  })

  it('refuses instances without the UIDs that name them', async () => {
    for (const [tag, problem] of [
      [0x0020000d, /StudyInstanceUID/],
      [0x0020000e, /SeriesInstanceUID/],
      [0x00080018, /SOPInstanceUID/],
      [0x00080016, /SOPClassUID/],
    ] as const) {
      const error = await fail(await run([ctInstance().filter((element) => element.tag !== tag)]))
      expect(error).to.have.property('problem').that.matches(problem)
    }
  })

  it('holds no more than a few pieces of a large study in memory', async function () {
    this.timeout(60_000)
    const path = join(directory, 'raw-0')
    const small = dicomFile(ctInstance({}, [el(0x7fe00010, 'OW', Buffer.alloc(8))]))
    const pixels = 400 * 1024 * 1024
    small.writeUInt32LE(pixels, small.length - 12)
    await writeFile(path, small.subarray(0, -8))
    await truncate(path, small.length - 8 + pixels)
    const raw = { ...(await writeStudy(directory, [])), files: [{ reveal: () => path }] }
    const before = process.memoryUsage().arrayBuffers
    let peak = before
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 5)
    const task = makeDicomDeidentifier(spool).deidentify(raw, pseudonyms, projectOf({ 0x7fe00010: 'keep' }), [], 7)
    await succeed(task).finally(() => clearInterval(watch))
    expect(peak - before).to.be.lessThan(32 * 1024 * 1024)
    expect((await stat(join(spool, location))).isDirectory()).to.equal(true)
  })
})
