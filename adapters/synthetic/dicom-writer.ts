/** Value representations this writer knows (PS3.5 section 6.2). */
export type Vr =
  | 'AE'
  | 'AS'
  | 'CS'
  | 'DA'
  | 'DS'
  | 'DT'
  | 'IS'
  | 'LO'
  | 'LT'
  | 'OB'
  | 'OW'
  | 'PN'
  | 'SH'
  | 'SQ'
  | 'SS'
  | 'ST'
  | 'TM'
  | 'UI'
  | 'UL'
  | 'UN'
  | 'US'
  | 'UT'

/** Frames of compressed pixel data, each split into the fragments it is written as (PS3.5 annex A.4). */
export interface Encapsulated {
  readonly frames: ReadonlyArray<ReadonlyArray<Uint8Array>>
}

/** Text is written as Latin-1; text of another character set comes as bytes, numbers as numbers. */
export type Value = string | Uint8Array | ReadonlyArray<number> | ReadonlyArray<DataSet> | Encapsulated

export interface Element {
  readonly tag: number
  readonly vr: Vr
  readonly value: Value
}

export type DataSet = ReadonlyArray<Element>

/** One element, as `element(0x00100020, 'LO', 'ABC')`. */
export const element = (tag: number, vr: Vr, value: Value): Element => ({ tag, vr, value })

export const transferSyntaxes = {
  implicit: '1.2.840.10008.1.2',
  explicit: '1.2.840.10008.1.2.1',
  jpeg: '1.2.840.10008.1.2.4.50',
  rle: '1.2.840.10008.1.2.5',
} as const

/** How a data set is written. */
export interface Encoding {
  readonly transferSyntax: keyof typeof transferSyntaxes
  /** Whether sequences and items carry their length or end with a delimiter. */
  readonly sequences: 'defined' | 'undefined'
}

const longVrs: ReadonlySet<Vr> = new Set<Vr>(['OB', 'OW', 'SQ', 'UN', 'UT'])
const undefinedLength = 0xffffffff

const uint16 = (value: number): Buffer => Buffer.from([value & 0xff, (value >>> 8) & 0xff])
const uint32 = (value: number): Buffer => Buffer.concat([uint16(value & 0xffff), uint16(value >>> 16)])
const tagBytes = (tag: number): Buffer => Buffer.concat([uint16(tag >>> 16), uint16(tag & 0xffff)])

const padded = (bytes: Uint8Array, vr: Vr): Uint8Array => {
  if (bytes.length % 2 === 0) return bytes
  const filler = vr === 'UI' || vr === 'OB' || vr === 'UN' ? 0 : 0x20
  return Buffer.concat([bytes, Buffer.from([filler])])
}

const numberBytes = (vr: Vr, value: number): Buffer => (vr === 'UL' ? uint32(value) : uint16(value))

const item = (content: Uint8Array, { sequences }: Encoding): Buffer =>
  sequences === 'defined'
    ? Buffer.concat([tagBytes(0xfffee000), uint32(content.length), content])
    : Buffer.concat([tagBytes(0xfffee000), uint32(undefinedLength), content, tagBytes(0xfffee00d), uint32(0)])

const fragment = (content: Uint8Array): Buffer => {
  const even = padded(content, 'OB')
  return Buffer.concat([tagBytes(0xfffee000), uint32(even.length), even])
}

/** Pixel data with a basic offset table: offsets count from the first byte after the table. */
const encapsulatedBytes = ({ frames }: Encapsulated): Buffer => {
  const written = frames.map((fragments) => Buffer.concat(fragments.map(fragment)))
  const offsets = written.map((_, i) => written.slice(0, i).reduce((sum, { length }) => sum + length, 0))
  return Buffer.concat([fragment(Buffer.concat(offsets.map(uint32))), ...written, tagBytes(0xfffee0dd), uint32(0)])
}

const isEncapsulated = (value: Value): value is Encapsulated => typeof value === 'object' && 'frames' in value

const valueBytes = ({ vr, value }: Element, encoding: Encoding): Uint8Array => {
  if (isEncapsulated(value)) return encapsulatedBytes(value)
  if (typeof value === 'string') return padded(Buffer.from(value, 'latin1'), vr)
  if (value instanceof Uint8Array) return padded(value, vr)
  if (vr === 'SQ') {
    const items = (value as ReadonlyArray<DataSet>).map((content) => item(encodeDataSet(content, encoding), encoding))
    const end = encoding.sequences === 'defined' ? [] : [tagBytes(0xfffee0dd), uint32(0)]
    return Buffer.concat([...items, ...end])
  }
  return Buffer.concat((value as ReadonlyArray<number>).map((number) => numberBytes(vr, number)))
}

const encodeElement = (one: Element, encoding: Encoding): Buffer => {
  const bytes = valueBytes(one, encoding)
  const endless = isEncapsulated(one.value) || (one.vr === 'SQ' && encoding.sequences === 'undefined')
  const length = endless ? undefinedLength : bytes.length
  if (encoding.transferSyntax === 'implicit') return Buffer.concat([tagBytes(one.tag), uint32(length), bytes])
  const head = Buffer.concat([tagBytes(one.tag), Buffer.from(one.vr, 'latin1')])
  return longVrs.has(one.vr)
    ? Buffer.concat([head, uint16(0), uint32(length), bytes])
    : Buffer.concat([head, uint16(length), bytes])
}

/** The bytes of a data set, its elements in tag order. */
export const encodeDataSet = (dataSet: DataSet, encoding: Encoding): Buffer =>
  Buffer.concat([...dataSet].sort((a, b) => a.tag - b.tag).map((one) => encodeElement(one, encoding)))

/** What stands before the data set of a file. */
export interface FileHead {
  readonly sopClassUid: string
  readonly sopInstanceUid: string
  readonly sourceAeTitle: string
  /** At most 128 bytes; the rest is zero. PS3.10 lets an application put there what it likes. */
  readonly preamble: string
}

const implementationClassUid = '1.3.6.1.4.1.32473.1'

/** Preamble, prefix and file meta information (PS3.10 section 7.1). */
export const encodeFileHead = (head: FileHead, encoding: Encoding): Buffer => {
  const meta = encodeDataSet(
    [
      element(0x00020001, 'OB', Uint8Array.from([0, 1])),
      element(0x00020002, 'UI', head.sopClassUid),
      element(0x00020003, 'UI', head.sopInstanceUid),
      element(0x00020010, 'UI', transferSyntaxes[encoding.transferSyntax]),
      element(0x00020012, 'UI', implementationClassUid),
      element(0x00020013, 'SH', 'SYNTHETIC'),
      element(0x00020016, 'AE', head.sourceAeTitle),
    ],
    { transferSyntax: 'explicit', sequences: 'defined' },
  )
  const preamble = Buffer.alloc(128)
  preamble.write(head.preamble, 'latin1')
  const groupLength = Buffer.concat([tagBytes(0x00020000), Buffer.from('UL'), uint16(4), uint32(meta.length)])
  return Buffer.concat([preamble, Buffer.from('DICM'), groupLength, meta])
}

/** A DICOM part 10 file. */
export const encodeFile = (head: FileHead, dataSet: DataSet, encoding: Encoding): Buffer =>
  Buffer.concat([encodeFileHead(head, encoding), encodeDataSet(dataSet, encoding)])
