import { expect } from 'chai'
import dicomParser from 'dicom-parser'
import fc from 'fast-check'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isUnreadable, makeByteWindow } from '../../../adapters/dicom/byte-window.js'
import { makeDicomDeidentifier } from '../../../adapters/dicom/deidentifier.js'
import { standardVr } from '../../../adapters/dicom/dictionary.js'
import { beginsWithItem, heldValue, walk } from '../../../adapters/dicom/elements.js'
import { readFileMeta } from '../../../adapters/dicom/file-meta.js'
import { readHeader } from '../../../adapters/dicom/header.js'
import type { Tag, TagAction } from '../../../domain/tags.js'
import { tagText } from '../../../domain/tags.js'
import { succeed } from '../../contract/synthetic.js'
import type { DataSet, TestElement } from '../../support/dicom.js'
import { dicomFile, el, sq, syntaxes } from '../../support/dicom.js'
import {
  ctInstance,
  filesBelow,
  flatten,
  makeDirectory,
  projectOf,
  pseudonymsOf,
  removeDirectory,
  writeStudy,
} from '../../support/dicom-study.js'

/** Tags of every kind of VR that neither decide about the instance nor name it; some private. */
const plainTags: ReadonlyArray<readonly [number, string]> = [
  [0x00081030, 'LO'],
  [0x00080023, 'DA'],
  [0x00080033, 'TM'],
  [0x0008002a, 'DT'],
  [0x00080080, 'LO'],
  [0x00081010, 'SH'],
  [0x00101010, 'AS'],
  [0x00102000, 'LO'],
  [0x00104000, 'LT'],
  [0x00180050, 'DS'],
  [0x00189073, 'FD'],
  [0x00200012, 'IS'],
  [0x00280002, 'US'],
  [0x00281052, 'DS'],
  [0x00282000, 'OB'],
  [0x00090010, 'LO'],
  [0x00091001, 'UN'],
  [0x00091002, 'SL'],
  [0x00091003, 'OB'],
]
const sequenceTags = [0x00081140, 0x00081111, 0x00400275, 0x00082112] as const
const every: ReadonlyArray<number> = [...plainTags.map(([tag]) => tag), ...sequenceTags]
/** What every instance has, whatever the scheme says. */
const always: ReadonlySet<string> = new Set(
  [0x00080005, 0x00080016, 0x00080018, 0x00100020, 0x00120062, 0x00120063, 0x0020000d, 0x0020000e].map(tagText),
)

/** Bytes that no identifier contains and that do not look like an item. */
const value = fc
  .uint8Array({ minLength: 0, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes.length % 2 ? bytes.slice(1) : bytes).map((b) => b & 0x7f) as Buffer)

const plain: fc.Arbitrary<TestElement> = fc
  .tuple(fc.constantFrom(...plainTags), value)
  .map(([[tag, vr], bytes]) => el(tag, vr, Buffer.from(bytes)))

const sorted = (elements: ReadonlyArray<TestElement>): DataSet =>
  [...new Map(elements.map((element) => [element.tag, element])).values()].sort((a, b) => a.tag - b.tag)

const dataSetOf = (depth: number): fc.Arbitrary<DataSet> =>
  fc
    .array(depth === 0 ? plain : fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: sequence(depth) }), {
      maxLength: 6,
    })
    .map(sorted)
const sequence = (depth: number): fc.Arbitrary<TestElement> =>
  fc
    .tuple(
      fc.constantFrom(...sequenceTags),
      fc.array(dataSetOf(depth - 1), { maxLength: 3 }),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([tag, items, delimited, un]) => sq(tag, items, delimited, un ? 'UN' : 'SQ'))

const kept = fc.subarray([...every]).map((tags) => new Map<Tag, TagAction>(tags.map((tag) => [tag, 'keep'])))
const syntax = fc.constantFrom(syntaxes.explicit, syntaxes.implicit)

/** One line per element with its value: what the own walker sees. */
const walked = async (path: string, size: number): Promise<ReadonlyArray<string>> => {
  const file = await open(path)
  try {
    const window = makeByteWindow(file, size)
    await window.load(0, 132)
    const meta = await readFileMeta(window)
    const lines: Array<string> = []
    const names: Array<string> = []
    const items: Array<number> = []
    let name = ''
    await walk(window, meta.dataSetStart, size, meta.implicit, {
      element: (element) => {
        name = (names[names.length - 1] ?? '') + tagText(element.tag)
        const vr = ['', 'UN'].includes(element.vr) ? standardVr(element.tag) : element.vr
        if (element.length === null || (vr === 'SQ' && (element.length === 0 || beginsWithItem(element)))) {
          lines.push(name)
          items.push(0)
          names.push(name)
          return 'enter'
        }
        lines.push(`${name}=${heldValue(element)?.toString('hex') ?? 'pixels'}`)
        return 'skip'
      },
      item: () => names.push(`${names[names.length - 1]}[${items[items.length - 1]!}]`),
      itemEnd: () => {
        names.pop()
        items[items.length - 1]!++
      },
      sequenceEnd: () => {
        names.pop()
        items.pop()
      },
      fragmentsEnd: () => undefined,
    })
    return lines
  } finally {
    await file.close()
  }
}

/** The lines of a data set as it was written, of elements the scheme keeps all the way down. */
const keptLines = (dataSet: DataSet, actions: ReadonlyMap<Tag, TagAction>, path = ''): ReadonlyArray<string> =>
  dataSet
    .filter(({ tag }) => actions.has(tag))
    .flatMap(({ tag, value: content }) => {
      const name = path + tagText(tag)
      if (Buffer.isBuffer(content)) return [`${name}=${content.toString('hex')}`]
      const items = content as ReadonlyArray<DataSet>
      return [name, ...items.flatMap((item, i) => keptLines(item, actions, `${name}[${i}]`))]
    })

/** dicom-parser takes a UN of known length for bytes; the walker above looks into it. */
const withoutUn = (dataSet: DataSet): DataSet =>
  dataSet
    .filter(({ tag, vr }) => vr !== 'UN' || sequenceTags.some((one) => one === tag))
    .map((element) =>
      Array.isArray(element.value) && !Buffer.isBuffer(element.value)
        ? sq(element.tag, (element.value as ReadonlyArray<DataSet>).map(withoutUn), element.delimited)
        : element,
    )

const withoutDelimiters = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.filter((line) => !/\(FFFE,E0.D\)=$/.test(line))

describe('dicom, any data set', function () {
  this.timeout(60_000)
  let directory = ''
  beforeEach(async () => {
    directory = await makeDirectory()
  })
  afterEach(() => removeDirectory(directory))
  const spool = () => join(directory, 'spool')

  it('leaves exactly the listed elements at every depth, byte for byte, in a file that reads back', async () => {
    await fc.assert(
      fc.asyncProperty(dataSetOf(3), kept, syntax, async (dataSet, actions, transferSyntax) => {
        await removeDirectory(spool())
        const raw = await writeStudy(directory, [dicomFile(ctInstance({}, dataSet), { transferSyntax })])
        const project = projectOf(new Map([...actions, [0x7fe00010, 'keep']]))
        await succeed(makeDicomDeidentifier(spool()).deidentify(raw, pseudonymsOf(), project, [], 1))
        const file = (await filesBelow(spool())).find(({ name }) => name.endsWith('.dcm'))!
        const lines = await walked(join(spool(), file.name), file.bytes.length)
        const beside = lines.filter((line) => !always.has(line.slice(0, 11)) && !line.startsWith('(7FE0'))
        expect(beside).to.deep.equal(keptLines(dataSet, actions))
        expect((await readHeader(join(spool(), file.name)))._tag).to.equal('Header')
      }),
      { numRuns: 150 },
    )
  })

  it('is read by the own walker as dicom-parser reads it', async () => {
    await fc.assert(
      fc.asyncProperty(dataSetOf(3), async (dataSet) => {
        const bytes = dicomFile(ctInstance({}, withoutUn(dataSet)))
        const path = join(directory, 'any')
        await writeFile(path, bytes)
        const theirs = withoutDelimiters(flatten(dicomParser.parseDicom(bytes) as never))
        const ours = await walked(path, bytes.length)
        expect(ours.map((line) => line.replace(/^(\(7FE0,0010\)=).*/, '$1'))).to.deep.equal(
          theirs.map((line) => line.replace(/^(\(7FE0,0010\)=).*/, '$1')),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('answers a value for any damage to a file: it never hangs, and throws nothing else', async () => {
    const damage = fc.record({
      cut: fc.option(fc.nat()),
      flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      zeroed: fc.option(fc.nat()),
    })
    await fc.assert(
      fc.asyncProperty(dataSetOf(2), syntax, damage, async (dataSet, transferSyntax, { cut, flips, zeroed }) => {
        await removeDirectory(spool())
        let bytes = Buffer.from(dicomFile(ctInstance({}, dataSet), { transferSyntax }))
        for (const [at, to] of flips) bytes[132 + (at % (bytes.length - 132))] = to
        if (zeroed !== null) bytes.fill(0, 132 + (zeroed % (bytes.length - 132)))
        if (cut !== null) bytes = bytes.subarray(0, cut % bytes.length)
        const raw = await writeStudy(directory, [bytes])
        const reading = await readHeader(raw.files[0]!.reveal())
        expect(reading._tag).to.be.oneOf(['Header', 'NotDicom', 'Damaged'])
        const project = projectOf(new Map(every.map((tag) => [tag, 'keep'] as const)))
        const answer = await makeDicomDeidentifier(spool()).deidentify(raw, pseudonymsOf(), project, [], 1)()
        if (answer._tag === 'Left') {
          expect(isUnreadable(answer.left)).to.equal(true)
          expect(JSON.stringify(answer.left)).to.not.include('ZZLEAK')
          expect(await filesBelow(spool())).to.deep.equal([])
        }
      }),
      { numRuns: 400 },
    )
  })
})
