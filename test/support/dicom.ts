/** Writes DICOM part 10 files for tests: any VR, well formed or not, in both little-endian encodings. */

export interface TestElement {
  readonly tag: number
  readonly vr: string
  readonly value: Buffer | ReadonlyArray<DataSet> | { readonly fragments: ReadonlyArray<Buffer> }
  /** Sequences only: whether the sequence and its items end with delimiters. */
  readonly delimited?: boolean
}
export type DataSet = ReadonlyArray<TestElement>

export const syntaxes = {
  implicit: '1.2.840.10008.1.2',
  explicit: '1.2.840.10008.1.2.1',
  jpeg: '1.2.840.10008.1.2.4.50',
  deflated: '1.2.840.10008.1.2.1.99',
  bigEndian: '1.2.840.10008.1.2.2',
} as const

const numbers: Readonly<Record<string, (value: number) => Buffer>> = {
  US: (n) => littleEndian(n, 2),
  SS: (n) => littleEndian(n, 2),
  UL: (n) => littleEndian(n, 4),
  SL: (n) => littleEndian(n, 4),
  FL: (n) => Buffer.from(Float32Array.of(n).buffer),
  FD: (n) => Buffer.from(Float64Array.of(n).buffer),
}

const littleEndian = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntLE(value >>> 0, 0, bytes)
  return buffer
}

const padded = (vr: string, value: Buffer): Buffer =>
  value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.from(/^(UI|UN|O.)$/.test(vr) ? [0] : [0x20])])

/** An element of text (Latin-1), numbers or bytes; text is padded to even length, bytes are taken as they are. */
export const el = (tag: number, vr: string, value: string | ReadonlyArray<number> | Buffer): TestElement => ({
  tag,
  vr,
  value: Buffer.isBuffer(value)
    ? value
    : typeof value === 'string'
      ? padded(vr, Buffer.from(value, 'latin1'))
      : Buffer.concat(value.map((n) => numbers[vr]!(n))),
})

/** A sequence; `vr` UN writes its items in implicit VR. */
export const sq = (
  tag: number,
  items: ReadonlyArray<DataSet>,
  delimited = false,
  vr: 'SQ' | 'UN' = 'SQ',
): TestElement => ({
  tag,
  vr,
  value: items,
  delimited,
})

/** Encapsulated pixel data. */
export const encapsulated = (fragments: ReadonlyArray<Buffer>, tag = 0x7fe00010): TestElement => ({
  tag,
  vr: 'OB',
  value: { fragments },
})

const tagBytes = (tag: number): Buffer => Buffer.concat([littleEndian(tag >>> 16, 2), littleEndian(tag & 0xffff, 2)])
const short = (tag: number, length: number): Buffer => Buffer.concat([tagBytes(tag), littleEndian(length, 4)])
const undefinedLength = 0xffffffff

const header = (tag: number, vr: string, length: number, implicit: boolean): Buffer => {
  if (implicit) return short(tag, length)
  const start = Buffer.concat([tagBytes(tag), Buffer.from(vr, 'latin1')])
  return /^(O[BDFLVW]|SQ|SV|UC|UN|UR|UT|UV)$/.test(vr)
    ? Buffer.concat([start, Buffer.alloc(2), littleEndian(length, 4)])
    : Buffer.concat([start, littleEndian(length, 2)])
}

const encodeSequence = (
  { tag, vr, delimited }: TestElement,
  items: ReadonlyArray<DataSet>,
  implicit: boolean,
): Buffer => {
  const inner = implicit || vr === 'UN'
  const encoded = items.map((item) => {
    const content = encodeDataSet(item, inner)
    return delimited
      ? Buffer.concat([short(0xfffee000, undefinedLength), content, short(0xfffee00d, 0)])
      : Buffer.concat([short(0xfffee000, content.length), content])
  })
  const content = Buffer.concat(encoded)
  return delimited
    ? Buffer.concat([header(tag, vr, undefinedLength, implicit), content, short(0xfffee0dd, 0)])
    : Buffer.concat([header(tag, vr, content.length, implicit), content])
}

/** The bytes of one element. */
export const encodeElement = (element: TestElement, implicit: boolean): Buffer => {
  const { tag, vr, value } = element
  if (Buffer.isBuffer(value)) return Buffer.concat([header(tag, vr, value.length, implicit), value])
  if (!('fragments' in value)) return encodeSequence(element, value, implicit)
  const fragments = [Buffer.alloc(0), ...value.fragments].flatMap((f) => [short(0xfffee000, f.length), f])
  return Buffer.concat([header(tag, vr, undefinedLength, implicit), ...fragments, short(0xfffee0dd, 0)])
}

export const encodeDataSet = (dataSet: DataSet, implicit: boolean): Buffer =>
  Buffer.concat(dataSet.map((element) => encodeElement(element, implicit)))

export interface FileOptions {
  readonly transferSyntax?: string
  readonly preamble?: Buffer
  /** More elements of group 2. */
  readonly meta?: DataSet
  /** What group 2 says of its own length, when that is to be wrong. */
  readonly metaLength?: number
  readonly trailing?: Buffer
}

/** A whole part 10 file. */
export const dicomFile = (dataSet: DataSet, options: FileOptions = {}): Buffer => {
  const transferSyntax = options.transferSyntax ?? syntaxes.explicit
  const meta = encodeDataSet(
    [
      el(0x00020001, 'OB', Buffer.from([0, 1])),
      el(0x00020002, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
      el(0x00020003, 'UI', '1.2.3.4'),
      el(0x00020010, 'UI', transferSyntax),
      ...(options.meta ?? []),
    ],
    false,
  )
  return Buffer.concat([
    options.preamble ?? Buffer.alloc(128),
    Buffer.from('DICM'),
    encodeElement(el(0x00020000, 'UL', [options.metaLength ?? meta.length]), false),
    meta,
    encodeDataSet(dataSet, transferSyntax === syntaxes.implicit),
    options.trailing ?? Buffer.alloc(0),
  ])
}
