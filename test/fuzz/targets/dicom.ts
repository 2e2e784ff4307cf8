import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import dicomParser from 'dicom-parser'
import * as E from 'fp-ts/lib/Either.js'
import { makeDicomDeidentifier } from '../../../adapters/dicom/deidentifier.js'
import type { Header } from '../../../adapters/dicom/header.js'
import { readHeader } from '../../../adapters/dicom/header.js'
import { exportablePlans } from '../../../adapters/synthetic/plans.js'
import { makePlanter } from '../../../adapters/synthetic/markers.js'
import { makeRandom } from '../../../adapters/synthetic/random.js'
import { tagOperationFiles } from '../../../adapters/synthetic/scheme.js'
import { makeStudy } from '../../../adapters/synthetic/studies.js'
import { sensitive } from '../../../domain/sensitive.js'
import type { Tag, TagAction } from '../../../domain/tags.js'
import { tagText } from '../../../domain/tags.js'
import type { DataSet } from '../../support/dicom.js'
import { dicomFile, el, encapsulated, sq, syntaxes } from '../../support/dicom.js'
import { ctInstance, projectOf, pseudonymsOf } from '../../support/dicom-study.js'
import { identityTags, mutateDicom } from '../dicom-mutate.js'
import type { Node, Tree } from '../dicom-tree.js'
import { eachNode, parseTree } from '../dicom-tree.js'
import type { Target } from '../target.js'
import { makeScratch, markerPrefix, orViolation, promise, promiseError, promiseNoMarker } from '../target.js'

const actions: ReadonlyMap<Tag, TagAction> = new Map([
  ...Array.from(tagOperationFiles['base.yaml']!.matchAll(/group: 0x(\w+), element: 0x(\w+), op: "([\w-]+)"/g)).map(
    ([, group, element, action]) => [parseInt(`${group}${element}`, 16), action as TagAction] as const,
  ),
  ...[0x00190010, 0x00191010, 0x0040a730, 0x0040a160, 0x00282000, 0x00204000, 0x0008009c].map(
    (tag) => [tag, 'keep'] as const,
  ),
  [0x00081140, 'replace'],
])

/** Every instance leaves with these, whatever the scheme says. */
const mandated = [0x00080016, 0x00080018, 0x00100020, 0x00120062, 0x00120063, 0x0020000d, 0x0020000e]
const mayLeave = (tag: number): boolean =>
  mandated.includes(tag) || tag === 0x00080005 || !['delete', undefined].includes(actions.get(tag))

/** Gives every planted value the marker of its fate: what is kept all the way down may stay, the rest must go. */
const settle = (tree: Tree): void => {
  let number = 0
  eachNode(tree.nodes, (node, around) => {
    const { value } = node
    if (!Buffer.isBuffer(value)) return
    const planted = value.toString('latin1')
    if (!new RegExp(`^${markerPrefix}\\d{6}`).test(planted)) return
    const stays = [...around, node].every(({ tag }) => actions.get(tag) === 'keep' && tag % 0x10000 !== 0)
    const marker = `${markerPrefix}${stays ? 'S' : 'X'}${String(number++).padStart(6, '0')} `
    node.value = Buffer.from(marker.length % 2 === 0 ? marker : `${marker} `)
  })
}

const rich: DataSet = [
  el(0x00080090, 'PN', 'Doctor^Who'),
  el(0x00081030, 'LO', 'Chest'),
  sq(0x00081110, [[el(0x00081150, 'UI', '1.2.840.10008.3.1.2.3.1'), el(0x00081155, 'UI', '1.2.3.4')]], true),
  sq(0x00081140, [[el(0x00081155, 'UI', '1.2.3.5')], []]),
  el(0x00101000, 'LO', 'other'),
  el(0x00181000, 'LO', 'serial'),
  el(0x00190010, 'LO', 'CREATOR'),
  el(0x00191010, 'UN', 'private'),
  el(0x00191011, 'UN', 'private'),
  el(0x00204000, 'LT', 'comment'),
  sq(0x00400275, [[el(0x00400007, 'LO', 'step'), sq(0x00081110, [[el(0x00204000, 'LT', 'deep')]])]], true),
  sq(0x0040a730, [[el(0x0040a160, 'UT', 'finding'), el(0x0040a123, 'PN', 'observer')]], false, 'UN'),
]

const seeds = (): ReadonlyArray<Tree> => {
  const hospital = { random: makeRandom(1), planter: makePlanter(), uidRoot: '1.3.6.1.4.1.32473.7.1' }
  const made = exportablePlans
    .slice(0, 12)
    .map((plan, i) => Buffer.from(makeStudy(plan, i + 1, null, hospital).files[0]!.bytes))
  const own = [syntaxes.explicit, syntaxes.implicit].map((transferSyntax) =>
    dicomFile(ctInstance({}, rich), { transferSyntax }),
  )
  const compressed = dicomFile(ctInstance({}, [...rich, encapsulated([Buffer.from('frames')])]), {
    transferSyntax: syntaxes.jpeg,
  })
  return [...own, ...own, compressed, ...made].flatMap((bytes) => parseTree(bytes) ?? [])
}

/** Values that name the patient or the study, as a reader other than the adapter finds them. */
const identifiersOf = (tree: Tree): ReadonlyArray<string> =>
  tree.nodes
    .filter(({ tag }) => identityTags.includes(tag))
    .flatMap(({ value }) => (Buffer.isBuffer(value) ? value.toString('latin1').split(/[\\=]/) : []))
    .map((text) => text.replace(/[\0 ]+$/, '').replace(/^ +/, ''))
    .filter((text) => text.includes(markerPrefix))

const textAt = (nodes: ReadonlyArray<Node>, tag: number): string => {
  const values = nodes.filter((node) => node.tag === tag)
  promise(values.length === 1, `${tagText(tag)} is there ${values.length} times`)
  const { value } = values[0]!
  return Buffer.isBuffer(value) ? value.toString('latin1').replace(/[\0 ]+$/, '') : ''
}

const promiseOutput = (output: Buffer, input: Buffer, header: Header): void => {
  const tree = parseTree(output)
  promise(tree !== null, 'the output is not well formed')
  eachNode(tree.nodes, ({ tag, value }) => {
    promise(mayLeave(tag), 'an element leaves that is not listed')
    promise(!Buffer.isBuffer(value) || value.length % 2 === 0, 'a value has an odd length')
  })
  for (const [i, { tag }] of tree.nodes.entries())
    promise(i === 0 || tag >= tree.nodes[i - 1]!.tag || unsorted(input), 'elements are out of order')
  const names = pseudonymsOf(header.studyInstanceUid)
  promise(textAt(tree.nodes, 0x0020000d) === names.pseudoStudyUid, 'the StudyInstanceUID is not the pseudonym')
  promise(
    textAt(tree.nodes, 0x00080018) === names.pseudoUid(header.sopInstanceUid),
    'the SOPInstanceUID is not the pseudonym',
  )
  promise(
    textAt(tree.nodes, 0x0020000e) === names.pseudoUid(header.seriesInstanceUid),
    'the SeriesInstanceUID is not the pseudonym',
  )
  promise(textAt(tree.nodes, 0x00100020) === names.pseudoPatientId, 'the PatientID is not the pseudonym')
  promise(textAt(tree.nodes, 0x00120062) === 'YES', 'PatientIdentityRemoved is not YES')
  promise(output.subarray(0, 132 + 200).indexOf(markerPrefix) === -1, 'the head of the output holds a marker')
  promise(!output.includes(`${markerPrefix}X`), 'a marker leaves in an element that must go')
  const original = parseTree(input)
  const identifiers = original === null ? [] : identifiersOf(original)
  eachNode(tree.nodes, ({ tag, value }) => {
    const pixels = tag === 0x7fe00010
    for (const identifier of pixels ? [] : identifiers)
      promise(!Buffer.isBuffer(value) || !value.includes(identifier), 'an identifier leaves in a kept element')
  })
  promise(output.length <= input.length * 2 + 8192, 'the output is much larger than the input')
}

const unsorted = (input: Buffer): boolean => {
  const tree = parseTree(input)
  return tree === null || tree.nodes.some(({ tag }, i) => i > 0 && tag < tree.nodes[i - 1]!.tag)
}

interface Parsed {
  readonly elements: Readonly<
    Record<string, { readonly tag: string; readonly items?: ReadonlyArray<{ readonly dataSet?: Parsed }> }>
  >
}

/** Another reader finds nothing in the output that is not listed, where it can read it at all. */
const promiseOtherReader = (output: Buffer): void => {
  const promiseListed = ({ elements }: Parsed): void => {
    for (const { tag, items } of Object.values(elements)) {
      const number = parseInt(tag.slice(1), 16)
      const delimiter = number === 0xfffee00d || number === 0xfffee0dd
      promise(delimiter || number >>> 16 === 2 || mayLeave(number), 'dicom-parser finds an element that is not listed')
      const inner = number === 0x7fe00010 ? [] : (items ?? [])
      for (const { dataSet } of inner) if (dataSet !== undefined) promiseListed(dataSet)
    }
  }
  let parsed: Parsed
  try {
    parsed = dicomParser.parseDicom(output) as unknown as Parsed
  } catch {
    return
  }
  promiseListed(parsed)
}

/** The header reader and the de-identifier, on one file. */
export const dicom: Target = {
  name: 'dicom',
  runs: 250,
  open: async () => {
    const directory = await makeScratch()
    const spool = join(directory, 'spool')
    await mkdir(spool)
    const path = join(directory, 'raw')
    const deidentifier = makeDicomDeidentifier(spool)
    const trees = seeds()
    return {
      make: (random) => mutateDicom(random.pick(trees), random, settle),
      check: async (bytes) => {
        const input = Buffer.from(bytes)
        await writeFile(path, input)
        const reading = await orViolation('the header reader', () => readHeader(path))
        if (reading._tag === 'Damaged') promiseNoMarker(reading.problem, 'the problem')
        const header = reading._tag === 'Header' ? reading : null
        const studyUid = header?.studyInstanceUid ?? '1.2.3'
        const project = projectOf(actions, {
          project: { ...projectOf({}).config.project, modalities: [header?.facts.modality ?? 'CT'] },
          allowedManufacturers: [{ regex: '.*', excludeSeriesNumbers: [] }],
          allowSecondaryCapture: true,
        })
        const raw = {
          _tag: 'RawStudyRef',
          studyInstanceUid: sensitive<'StudyInstanceUid'>(studyUid),
          files: [sensitive<'RawFilePath'>(path)],
        } as const
        const answer = await orViolation('the de-identifier', () =>
          deidentifier.deidentify(raw, pseudonymsOf(studyUid), project, [], 1)(),
        )
        const left = (await readdir(spool, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
        if (E.isLeft(answer)) promiseError(answer.left, 'UnreadableStudy')
        if (E.isLeft(answer) || answer.right._tag === 'Skipped')
          return promise(left.length === 0, 'files are left though nothing leaves')
        promise(header !== null, 'a file the header reader refuses leaves')
        const file = left.find(({ name }) => name.endsWith('.dcm'))!
        const output = await readFile(join(file.parentPath, file.name))
        promise(
          !`${file.parentPath}/${file.name} ${JSON.stringify(answer.right)}`.includes(markerPrefix),
          'a name holds a marker',
        )
        await rm(join(spool, answer.right.ref.location), { recursive: true, force: true })
        promiseOutput(output, input, header)
        promiseOtherReader(output)
        await writeFile(path, output)
        promise((await readHeader(path))._tag === 'Header', 'the header reader refuses the output')
      },
      close: () => rm(directory, { recursive: true, force: true }),
    }
  },
}
