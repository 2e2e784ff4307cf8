import type { Random } from '../../adapters/synthetic/random.js'
import type { Item, Node, Tree } from './dicom-tree.js'
import { copyNode, copyTree, encodeTree, isLong, listsOf } from './dicom-tree.js'
import { mutateBytes } from './mutate.js'
import { makeMarker } from './target.js'

const vrs =
  'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV'.split(' ')

/** Elements whose values name the patient or the study. */
export const identityTags = [0x00100010, 0x00100020, 0x00100030, 0x00080050, 0x00101000]

const oddTags = [
  ...identityTags,
  ...[0x00080000, 0x00080005, 0x00080018, 0x00081110, 0x00081140, 0x0008103e, 0x00100000, 0x00104000, 0x00120062],
  ...[0x00181000, 0x00190010, 0x00191010, 0x0020000d, 0x0020000e, 0x00204000, 0x00282000, 0x00321060, 0x00400275],
  ...[0x0040a160, 0x0040a730, 0x00091002, 0x50000010, 0x60000010, 0x60003000, 0x7fe00010, 0xfffcfffc, 0xffff0010],
]
const impossibleTags = [0, 0x00020010, 0x00000100, 0xfffee000, 0xfffee00d, 0xfffee0dd, 0xffffffff]
const lies = [0, 1, 2, 0xfffe, 0xffff, 0x10000, 0x7fffffff, 0xfffffffe, 0xffffffff]

const text = (value: string): Buffer => Buffer.from(value.length % 2 === 0 ? value : `${value} `, 'latin1')

/** Values that have troubled readers before. */
const values = (random: Random, identity: ReadonlyArray<Buffer>): Buffer =>
  random.pick([
    () => text(makeMarker(random)),
    () => text(makeMarker(random)),
    () => Buffer.alloc(0),
    () => Buffer.from('odd'),
    () => text(`for ${random.pick(identity).toString('latin1')} only`),
    () => text(random.pick(identity).toString('latin1')),
    () => Buffer.concat([Buffer.alloc(70_000, 'x'), text(random.pick(identity).toString('latin1'))]),
    () => Buffer.from('feff00e008000000feff0de000000000', 'hex'),
    () =>
      Buffer.concat([
        Buffer.from('feff00e016000000', 'hex'),
        Buffer.from('100010000e000000', 'hex'),
        text(makeMarker(random)).subarray(0, 14),
      ]),
    () => text('\\\\'),
    () => text('1.2.840.10008.5.1.4.1.1.2\\1.2.3'),
    () => text('ISO_IR 192'),
    () => text('\\ISO 2022 IR 87'),
    () => Buffer.from([0xff, 0xfe, 0x1b, 0x24, 0x42, 0x00]),
    () => Buffer.alloc(2 * random.below(40), random.below(256)),
  ])()

/** Makes the value fit a header with a 16-bit length. */
const fitted = (node: Node, implicit: boolean): void => {
  if (!implicit && !isLong(node.vr) && Buffer.isBuffer(node.value) && node.value.length > 0xfffe)
    node.value = node.value.subarray(0, 0xfffe)
}

const wrapped = (node: Node, random: Random): Node => {
  const item: Item = { nodes: [node], delimited: random.below(2) === 0 }
  const vr = random.below(4) === 0 && node.vr !== 'UN' ? 'SQ' : 'SQ'
  return {
    tag: random.pick([0x00081110, 0x00400275, 0x0040a730, 0x00081140, 0x00091002]),
    vr,
    value: [item],
    delimited: random.below(2) === 0,
  }
}

/** A change after which the file is still well formed, though not what the standard wants. */
const changeHonestly = (list: Array<Node>, tree: Tree, identity: ReadonlyArray<Buffer>, random: Random): void => {
  const at = random.below(list.length)
  const node = list[at]!
  switch (random.below(10)) {
    case 0:
      node.tag = random.pick(oddTags)
      break
    case 1: {
      const isBytes = Buffer.isBuffer(node.value) && node.fragments === undefined
      if (isBytes) node.vr = random.pick(vrs.filter((vr) => vr !== 'SQ'))
      break
    }
    case 2:
      list.splice(random.below(list.length + 1), 0, copyNode(node))
      break
    case 3: {
      const [moved] = list.splice(at, 1)
      random.pick(listsOf(tree.nodes)).push(moved!)
      break
    }
    case 4:
      list[at] = wrapped(node, random)
      break
    case 5:
      node.delimited = !node.delimited || node.fragments !== undefined
      if (!Buffer.isBuffer(node.value)) for (const item of node.value) item.delimited = !item.delimited
      break
    case 6:
      if (!tree.implicit && Buffer.isBuffer(node.value) && node.fragments === undefined) {
        list[at] = {
          tag: node.tag,
          vr: random.pick(['OB', 'OW']),
          value: [],
          fragments: [Buffer.alloc(0), node.value],
          delimited: true,
        }
      }
      break
    case 7:
      list.splice(at, 0, {
        tag: (node.tag >>> 16) * 0x10000,
        vr: 'UL',
        value: Buffer.alloc(4, random.below(256)),
        delimited: false,
      })
      break
    default:
      if (Buffer.isBuffer(node.value) && node.fragments === undefined) node.value = values(random, identity)
  }
}

const lieAbout = (tree: Tree, random: Random): void => {
  const list = random.pick(listsOf(tree.nodes).filter(({ length }) => length > 0))
  const node = random.pick(list)
  const items = Buffer.isBuffer(node.value) ? [] : node.value
  const target: Node | Item = items.length > 0 && random.below(2) === 0 ? random.pick(items) : node
  switch (random.below(5)) {
    case 0:
      target.lie = random.pick(lies)
      break
    case 1:
      target.lie = Math.max(0, (Buffer.isBuffer(node.value) ? node.value.length : 8) + random.pick([-2, -1, 1, 2, 8]))
      break
    case 2:
      target.endless = true
      break
    case 3:
      node.tag = random.pick(impossibleTags)
      break
    case 4:
      node.vr = random.pick([...vrs, 'ZZ', '  ', '\0\0', 'lo'])
  }
}

/** Plants identifiers where they belong: in the elements that name the patient and the study. */
const plantIdentity = (tree: Tree, random: Random): ReadonlyArray<Buffer> => {
  const identity: Array<Buffer> = []
  for (const node of tree.nodes)
    if (identityTags.includes(node.tag) && Buffer.isBuffer(node.value)) {
      const value = makeMarker(random, 'ID')
      const several = node.tag === 0x00101000 || node.tag === 0x00100010
      node.value = text(several ? `${value}${node.tag === 0x00101000 ? '\\' : '='}${value}B` : value)
      identity.push(text(value))
    }
  return identity.length > 0 ? identity : [text(makeMarker(random, 'ID'))]
}

/**
 * A file that is a little wrong. Without lies `settle` is called with the final tree, to give every value in it the
 * marker of its fate; with lies nobody but the reader knows what belongs where.
 */
export const mutateDicom = (valid: Tree, random: Random, settle: (tree: Tree) => void): Buffer => {
  const tree = copyTree(valid)
  const identity = plantIdentity(tree, random)
  for (let left = 1 + random.below(6); left > 0; left--) {
    const lists = listsOf(tree.nodes).filter(({ length }) => length > 0)
    changeHonestly(random.pick(lists), tree, identity, random)
  }
  for (const list of listsOf(tree.nodes)) {
    for (const node of list) fitted(node, tree.implicit)
    if (random.below(4) !== 0) list.sort((a, b) => a.tag - b.tag)
  }
  const honest = random.below(2) === 0
  if (honest) {
    settle(tree)
    return encodeTree(tree)
  }
  for (let left = random.below(3); left > 0; left--) lieAbout(tree, random)
  let bytes = encodeTree(tree)
  for (let left = random.below(3); left > 0; left--) bytes = mutateBytes(bytes, random)
  return bytes
}
