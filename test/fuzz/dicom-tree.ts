import { standardVr } from '../../adapters/dicom/dictionary.js'

/** An element that can be taken apart and put together again, wrongly if need be. */
export interface Node {
  tag: number
  vr: string
  value: Buffer | Array<Item>
  /** Encapsulated: the value is one fragment per item, without elements. */
  fragments?: Array<Buffer>
  delimited: boolean
  /** The length to claim instead of the true one. */
  lie?: number
  /** Leaves out the delimiter at the end. */
  endless?: boolean
}

export interface Item {
  nodes: Array<Node>
  delimited: boolean
  lie?: number
  endless?: boolean
}

/** A part 10 file: what stands before the data set, and its elements. */
export interface Tree {
  readonly head: Buffer
  readonly implicit: boolean
  readonly nodes: Array<Node>
}

const undefinedLength = 0xffffffff
const pixelDataTag = 0x7fe00010
const [itemTag, itemEndTag, sequenceEndTag] = [0xfffee000, 0xfffee00d, 0xfffee0dd]
export const isLong = (vr: string): boolean => /^(O[BDFLVW]|SQ|SV|UC|UN|UR|UT|UV)$/.test(vr)

const tagAt = (bytes: Buffer, at: number): number => bytes.readUInt16LE(at) * 0x10000 + bytes.readUInt16LE(at + 2)

/** Where reading has come to; reading throws a `RangeError` where bytes are not well formed. */
interface Reader {
  readonly bytes: Buffer
  at: number
}

const wrong = (what: string): never => {
  throw new RangeError(what)
}

const readItems = (reader: Reader, end: number | null, implicit: boolean): Array<Item> => {
  const items: Array<Item> = []
  while (end === null || reader.at < end) {
    const tag = tagAt(reader.bytes, reader.at)
    const length = reader.bytes.readUInt32LE(reader.at + 4)
    reader.at += 8
    if (tag === sequenceEndTag && end === null) return items
    if (tag !== itemTag) wrong('no item')
    const delimited = length === undefinedLength
    items.push({ nodes: readNodes(reader, delimited ? null : reader.at + length, implicit), delimited })
  }
  return reader.at === end ? items : wrong('items leave their sequence')
}

const readFragments = (reader: Reader): Array<Buffer> => {
  const fragments: Array<Buffer> = []
  for (;;) {
    const tag = tagAt(reader.bytes, reader.at)
    const length = reader.bytes.readUInt32LE(reader.at + 4)
    reader.at += 8
    if (tag === sequenceEndTag) return fragments
    if (tag !== itemTag || reader.at + length > reader.bytes.length) wrong('no fragment')
    fragments.push(reader.bytes.subarray(reader.at, reader.at + length))
    reader.at += length
  }
}

const readNode = (reader: Reader, implicit: boolean): Node => {
  const { bytes } = reader
  const tag = tagAt(bytes, reader.at)
  const vr = implicit ? standardVr(tag) : bytes.toString('latin1', reader.at + 4, reader.at + 6)
  if (!implicit && !/^[A-Z]{2}$/.test(vr)) wrong('no VR')
  const long = !implicit && isLong(vr)
  const length = implicit
    ? bytes.readUInt32LE(reader.at + 4)
    : long
      ? bytes.readUInt32LE(reader.at + 8)
      : bytes.readUInt16LE(reader.at + 6)
  reader.at += long ? 12 : 8
  const start = reader.at
  if (length === undefinedLength && (vr === 'OB' || vr === 'OW'))
    return { tag, vr, value: [], fragments: readFragments(reader), delimited: true }
  // Pixels may have any value: what looks like an item there is none.
  const mayHoldItems = (implicit || vr === 'UN') && tag !== pixelDataTag
  const holdsItems = vr === 'SQ' || (mayHoldItems && length >= 8 && bytes.readUInt32LE(start) === 0xe000fffe)
  if (length === undefinedLength)
    return { tag, vr, value: readItems(reader, null, implicit || vr === 'UN'), delimited: true }
  if (start + length > bytes.length) wrong('a value leaves the file')
  if (holdsItems)
    return { tag, vr, value: readItems(reader, start + length, implicit || vr === 'UN'), delimited: false }
  reader.at = start + length
  return { tag, vr, value: bytes.subarray(start, start + length), delimited: false }
}

const readNodes = (reader: Reader, end: number | null, implicit: boolean): Array<Node> => {
  const nodes: Array<Node> = []
  while (end === null || reader.at < end) {
    if (end === null && tagAt(reader.bytes, reader.at) === itemEndTag) {
      reader.at += 8
      return nodes
    }
    nodes.push(readNode(reader, implicit))
  }
  return reader.at === end ? nodes : wrong('elements leave their item')
}

/** Reads a whole file, independently of the adapter; null when it is not well formed. */
export const parseTree = (bytes: Buffer): Tree | null => {
  try {
    const meta = { bytes, at: 132 } satisfies Reader
    let syntax = ''
    while (bytes.length - meta.at >= 8 && bytes.readUInt16LE(meta.at) === 2) {
      const node = readNode(meta, false)
      if (node.tag === 0x00020010 && Buffer.isBuffer(node.value))
        syntax = node.value.toString('latin1').replace(/[\0 ]+$/, '')
    }
    const implicit = syntax === '1.2.840.10008.1.2'
    return {
      head: bytes.subarray(0, meta.at),
      implicit,
      nodes: readNodes({ bytes, at: meta.at }, bytes.length, implicit),
    }
  } catch {
    return null
  }
}

const short = (tag: number, length: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(tag >>> 16, 0)
  bytes.writeUInt16LE(tag & 0xffff, 2)
  bytes.writeUInt32LE(length >>> 0, 4)
  return bytes
}

const header = (tag: number, vr: string, length: number, implicit: boolean): Buffer => {
  if (implicit) return short(tag, length)
  const start = short(tag, 0)
  start.write(vr, 4, 'latin1')
  if (!isLong(vr)) {
    start.writeUInt16LE(length & 0xffff, 6)
    return start
  }
  const rest = Buffer.alloc(4)
  rest.writeUInt32LE(length >>> 0)
  return Buffer.concat([start, rest])
}

const encodeItem = ({ nodes, delimited, lie, endless }: Item, implicit: boolean): Buffer => {
  const content = encodeNodes(nodes, implicit)
  const length = lie ?? (delimited ? undefinedLength : content.length)
  return Buffer.concat([
    short(itemTag, length),
    content,
    ...(delimited && endless !== true ? [short(itemEndTag, 0)] : []),
  ])
}

const encodeNode = (node: Node, implicit: boolean): Buffer => {
  const { tag, vr, value, fragments, delimited, lie, endless } = node
  const end = delimited && endless !== true ? [short(sequenceEndTag, 0)] : []
  if (fragments !== undefined) {
    const parts = fragments.flatMap((fragment) => [short(itemTag, fragment.length), fragment])
    return Buffer.concat([header(tag, vr, lie ?? undefinedLength, implicit), ...parts, ...end])
  }
  const content = Buffer.isBuffer(value)
    ? value
    : Buffer.concat(value.map((item) => encodeItem(item, implicit || vr === 'UN')))
  const isSequence = !Buffer.isBuffer(value) && delimited
  const length = lie ?? (isSequence ? undefinedLength : content.length)
  return Buffer.concat([header(tag, vr, length, implicit), content, ...(isSequence ? end : [])])
}

const encodeNodes = (nodes: ReadonlyArray<Node>, implicit: boolean): Buffer =>
  Buffer.concat(nodes.map((node) => encodeNode(node, implicit)))

/** The bytes of a file, with every lie in it. */
export const encodeTree = ({ head, implicit, nodes }: Tree): Buffer =>
  Buffer.concat([head, encodeNodes(nodes, implicit)])

export const copyNode = (node: Node): Node => ({
  ...node,
  value: Buffer.isBuffer(node.value) ? node.value : node.value.map(copyItem),
  ...(node.fragments === undefined ? {} : { fragments: [...node.fragments] }),
})
const copyItem = (item: Item): Item => ({ ...item, nodes: item.nodes.map(copyNode) })

/** A tree that can be changed without changing the original. */
export const copyTree = (tree: Tree): Tree => ({ ...tree, nodes: tree.nodes.map(copyNode) })

/** Every list of elements in a tree: the data set and the items at any depth. */
export const listsOf = (nodes: Array<Node>): ReadonlyArray<Array<Node>> => [
  nodes,
  ...nodes.flatMap(({ value }) => (Buffer.isBuffer(value) ? [] : value.flatMap((item) => listsOf(item.nodes)))),
]

/** Calls back for every element with the elements around it, outermost first. */
export const eachNode = (
  nodes: ReadonlyArray<Node>,
  visit: (node: Node, around: ReadonlyArray<Node>) => void,
  around: ReadonlyArray<Node> = [],
): void => {
  for (const node of nodes) {
    visit(node, around)
    if (!Buffer.isBuffer(node.value)) for (const item of node.value) eachNode(item.nodes, visit, [...around, node])
  }
}
